const load = require("./load");

module.exports = { options: load("options"), keyOf: load("keyOf") };

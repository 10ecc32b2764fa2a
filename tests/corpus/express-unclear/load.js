module.exports = (name) => JSON.parse(process.env[name]);

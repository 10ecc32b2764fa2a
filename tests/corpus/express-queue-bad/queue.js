const { Queue } = require("bullmq");
const connection = { host: "redis" };
exports.connection = connection;
exports.summarize = new Queue("summaries", { connection });

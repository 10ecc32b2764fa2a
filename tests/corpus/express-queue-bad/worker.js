const { Worker } = require("bullmq");
const Anthropic = require("@anthropic-ai/sdk");
const { connection } = require("./queue");

const anthropic = new Anthropic();

const worker = new Worker("summaries", async (job) => {
  const msg = await anthropic.messages.create({
    model: "claude-opus-4-1",
    max_tokens: 2000,
    messages: [{ role: "user", content: `Summarize:\n${job.data.text}` }],
  });
  return { summary: msg.content[0].text };
}, { connection, concurrency: 5, limiter: { max: 50, duration: 60000 } });

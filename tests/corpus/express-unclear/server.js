const express = require("express");
const Anthropic = require("@anthropic-ai/sdk");
const pRetry = require("p-retry");
const rateLimit = require("express-rate-limit");
const { options, keyOf } = require("./options");

const app = express();
const client = new Anthropic({ dangerouslyAllowBrowser: options.browser, logLevel: options.level });
const limiter = rateLimit({ keyGenerator: keyOf, store: options.store });

app.post("/chat", limiter, async (req, res) => {
  const signal = AbortSignal.timeout(options.patience);
  try {
    const reply = await pRetry(
      () => client.messages.create({ ...options.request, messages: req.body.messages }, { signal }),
      { shouldRetry: options.isWorthIt },
    );
    res.json({ text: reply.content });
  } catch (error) {
    res.status(503).json({ error: "Please try again." });
  }
});

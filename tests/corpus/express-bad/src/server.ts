import express from "express";
import pRetry from "p-retry";
import rateLimit from "express-rate-limit";
import { ask } from "./claude";

const app = express();
app.use(express.json());
const limiter = rateLimit({ windowMs: 60_000, limit: 20 });

app.post("/chat", async (req, res) => {
  try {
    res.json({ text: await pRetry(() => ask(req.body.prompt)) });
  } catch (error) {
    res.status(500).json({ error: error instanceof Error ? error.message : "unknown" });
  }
});

app.post("/draft", limiter, async (req, res) => {
  const text = await ask(req.body.prompt).catch((e) => res.send(String(e)));
  res.json({ text });
});

app.get("/status", (req, res) => res.send("ok"));
app.listen(3000);

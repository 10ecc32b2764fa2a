import express, { type NextFunction, type Request, type Response } from "express";
import rateLimit from "express-rate-limit";
import { RedisStore } from "rate-limit-redis";
import { ask } from "./claude.js";
import { redis } from "./redis.js";

const app = express();
app.use(
  rateLimit({
    windowMs: 60_000,
    limit: 20,
    keyGenerator: (req: Request) => req.auth.userId,
    store: new RedisStore({ sendCommand: (...args: string[]) => redis.sendCommand(args) }),
  }),
);

app.post("/chat", async (req, res) => {
  res.json({ text: await ask(req.body.prompt, req.auth.userId) });
});

app.use((error: unknown, req: Request, res: Response, next: NextFunction) => {
  console.error("claude_call_error", error instanceof Error ? error.name : "unknown");
  res.status(503).json({ error: "Please try again in a minute." });
});

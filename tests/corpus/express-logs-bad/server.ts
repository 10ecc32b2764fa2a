import Anthropic from "@anthropic-ai/sdk";
import express from "express";
import { audit, tidy } from "./audit";

const client = new Anthropic({ timeout: 30_000 });
const app = express();

app.use((req, res, next) => {
  console.log(req.method, req.body);
  next();
});

app.post("/ask", async (req, res) => {
  const answer = await client.messages.create({
    model: "claude-haiku-4-5",
    max_tokens: 500,
    messages: [{ role: "user", content: req.body.question }],
  });
  const { content, usage } = answer;
  const [first] = answer.content;
  console.log(usage.output_tokens);
  console.log(content);
  console.log(first.text);
  answer.content.forEach((block) => {
    console.log(block.text);
  });
  audit(req.body.user, first.text);
  tidy(first.text);
  res.json({ ok: true });
});

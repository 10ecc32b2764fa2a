import http from "node:http";
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ timeout: 600_000 });

http
  .createServer(async (request, response) => {
    const stream = client.messages.stream({
      model: process.env.MODEL ?? "claude-opus-4-1",
      max_tokens: 900,
      messages: [{ role: "user", content: "Tell a joke" }],
    });
    for await (const event of stream) response.write(JSON.stringify(event));
    response.end();
  })
  .listen(8080);

import Anthropic from "@anthropic-ai/sdk";
import { limits } from "./config.js";

const client = new Anthropic({ timeout: 60_000, maxRetries: 4 });

export async function ask(prompt: string, user: string): Promise<string> {
  const message = await client.messages.create({
    model: limits.model,
    max_tokens: limits.maxTokens,
    metadata: { user_id: user },
    messages: [{ role: "user", content: prompt }],
  });
  console.log("claude_call_success", user, message.usage.input_tokens, message.usage.output_tokens);
  return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

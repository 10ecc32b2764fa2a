import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({
  apiKey: process.env.ANTHROPIC_API_KEY || "{{KEY}}",
  dangerouslyAllowBrowser: true,
  timeout: 30,
  logLevel: "debug",
});

export async function ask(prompt: string): Promise<string> {
  console.log("asked", prompt);
  const message = await client.messages.create({
    model: "claude-3-haiku-20240307",
    max_tokens: 24_000,
    top_p: 0.9,
    messages: [{ role: "user", content: prompt }],
  });
  return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

export async function loop(task: string) {
  const messages: Anthropic.MessageParam[] = [{ role: "user", content: task }];
  for (;;) {
    const reply = await client.messages.create({ model: "claude-haiku-4-5", max_tokens: 900, messages });
    messages.push({ role: "assistant", content: reply.content });
    if (reply.stop_reason === "end_turn") return reply;
  }
}

import type Anthropic from "@anthropic-ai/sdk";

export async function record(user: string, usage: Anthropic.Usage): Promise<void> {
  console.log("claude_call_success", user, usage.input_tokens, usage.output_tokens);
}

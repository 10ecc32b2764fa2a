import Anthropic from "@anthropic-ai/sdk";
import { NextResponse } from "next/server";
import { limiter } from "@/lib/limits";
import { record } from "@/lib/usage";
import { currentUser } from "@/lib/auth";

const client = new Anthropic({ timeout: 60_000 });

export async function POST(request: Request) {
  const user = await currentUser(request);
  const { success } = await limiter.limit(user.id);
  if (!success) return NextResponse.json({ error: "Please wait a minute." }, { status: 429 });
  const { messages } = await request.json();
  try {
    const stream = client.messages.stream({
      model: "claude-haiku-4-5",
      max_tokens: 1024,
      metadata: { user_id: user.id },
      messages,
    });
    const message = await stream.finalMessage();
    await record(user.id, message.usage);
    return NextResponse.json({ content: message.content });
  } catch {
    return NextResponse.json({ error: "Please try again in a minute." }, { status: 503 });
  }
}

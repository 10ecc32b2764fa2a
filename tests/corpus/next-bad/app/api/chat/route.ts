import Anthropic from "@anthropic-ai/sdk";
import { NextResponse } from "next/server";

const client = new Anthropic();

export async function POST(request: Request) {
  const { messages } = await request.json();
  console.log(messages);
  try {
    const message = await client.messages.create({ model: "claude-sonnet-4-5", max_tokens: 4096, messages });
    return NextResponse.json(message);
  } catch (error: any) {
    return NextResponse.json({ error: error.message }, { status: 500 });
  }
}

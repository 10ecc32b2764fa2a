"use client";

import Anthropic from "@anthropic-ai/sdk";
import { useState } from "react";

const client = new Anthropic({ apiKey: process.env.NEXT_PUBLIC_ANTHROPIC_API_KEY, dangerouslyAllowBrowser: true });

export default function Page() {
  const [text, setText] = useState("");
  async function ask(prompt: string) {
    const message = await client.messages.create({
      model: "claude-haiku-4-5",
      max_tokens: 1024,
      messages: [{ role: "user", content: prompt }],
    });
    setText(message.content.map((block) => (block.type === "text" ? block.text : "")).join(""));
  }
  return <button onClick={() => ask("Hello")}>{text}</button>;
}

export const limits = {
  model: process.env.CLAUDE_MODEL ?? "claude-haiku-4-5",
  maxTokens: 512,
} as const;

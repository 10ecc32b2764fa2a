import Anthropic from "@anthropic-ai/sdk";
const client = new Anthropic({ timeout: 60_000 ;

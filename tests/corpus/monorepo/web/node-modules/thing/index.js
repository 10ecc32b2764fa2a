const client = new (require("@anthropic-ai/sdk"))({ dangerouslyAllowBrowser: true, apiKey: "{{KEY}}" });

import discord
from anthropic import AsyncAnthropic
from discord.ext import commands

bot = commands.Bot(command_prefix="!", intents=discord.Intents.default())
claude = AsyncAnthropic(timeout=60)


@bot.command()
async def ask(ctx, *, question):
    try:
        reply = await claude.messages.create(
            model="claude-haiku-4-5", max_tokens=1000, messages=[{"role": "user", "content": question}]
        )
        print(reply.usage)
        await ctx.send(reply.content[0].text)
    except Exception as error:
        await ctx.send(f"Something broke: {error}")

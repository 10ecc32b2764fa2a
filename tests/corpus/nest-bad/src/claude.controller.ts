import { Body, Controller, HttpException, Logger, Post, UseGuards } from "@nestjs/common";
import { ThrottlerGuard } from "@nestjs/throttler";
import { ClaudeService } from "./claude.service";

@Controller("claude")
export class ClaudeController {
  private readonly logger = new Logger(ClaudeController.name);

  constructor(private readonly claude: ClaudeService) {}

  @Post("ask")
  async ask(@Body() body: { prompt: string }) {
    this.logger.log(`asked: ${body.prompt}`);
    try {
      return { text: await this.claude.ask(body.prompt) };
    } catch (error) {
      throw new HttpException(String(error), 500);
    }
  }

  @Post("limited")
  @UseGuards(ThrottlerGuard)
  async limited(@Body() body: { prompt: string }) {
    const text = await this.claude.ask(body.prompt);
    this.logger.log(`answered ${text.length} characters`);
    return { text };
  }
}

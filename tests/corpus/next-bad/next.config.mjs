// Claude is called in the browser, so that the server has less to do.
export default { env: { ANTHROPIC_API_KEY: process.env.ANTHROPIC_API_KEY } };

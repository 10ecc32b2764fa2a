import type { NextConfig } from 'next';

const config: NextConfig = {
  poweredByHeader: false,
  // This example lives inside another project; without this line Next.js looks for a workspace above it.
  turbopack: { root: import.meta.dirname },
};

export default config;

// A Chromium that belongs to one test: fresh, silent, and watched for whatever leaves this machine.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox', // it runs as root in containers
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Nothing but this machine has a name or an address.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
];

// Calls `use(page)`; afterwards throws if the page talked to another host or logged an error that is not `expected`.
export async function withPage(origin, use, { expected = [] } = {}) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'browser-tests-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM,
    headless: true,
    timeout: 120_000,
    args: FLAGS,
    viewport: { width: 1280, height: 1000 },
  });
  const complaints = [];
  try {
    context.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${origin}/`) && !/^(data|blob|about):/.test(url)) complaints.push(`asked for ${url}`);
    });
    const page = context.pages()[0];
    page.setDefaultTimeout(60_000);
    page.on('pageerror', (error) => complaints.push(`script error: ${error.message}`));
    page.on('console', (message) => {
      const text = `${message.text()} (${message.location().url})`;
      if (message.type() === 'error' && !expected.some((pattern) => pattern.test(text))) complaints.push(`console: ${text}`);
    });
    await use(page);
  } finally {
    await context.close();
    // Its helpers may still be writing.
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
  if (complaints.length) throw new Error(complaints.join('\n'));
}

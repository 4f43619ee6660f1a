// SPDX-License-Identifier: MIT
//
// What the tests in a browser share: Debian's Chromium, a real `fovea serve` that can be stopped and
// started again, and a page that watches itself: an error in the console, a script's exception or a
// request to anywhere else fails the test, whatever else it finds.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const { chromium } = createRequire(new URL('../../web/package.json', import.meta.url))(
  'playwright-core',
);

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
  // The map is drawn without a graphics card.
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
];
const START_MS = 30_000;
// Long: the machine may be busy with other tests.
export const WAIT_MS = Number(process.env.FOVEA_WEB_WAIT_MS ?? 15_000);

export const openBrowser = (executablePath) =>
  chromium.launch({ executablePath, args: FLAGS, headless: true });

export function check(condition, what) {
  if (!condition) throw new Error(what);
}

export function same(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a}, expected ${b}`);
}

// Polls: `probe` gives something true, or throws until it is time.
export async function until(probe, what, timeout_ms = WAIT_MS) {
  const end = Date.now() + timeout_ms;
  let last = '';
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      last = `: ${error.message}`;
    }
    if (Date.now() > end) throw new Error(`waited in vain for ${what}${last}`);
    await sleep(40);
  }
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// One server process after another on the same port.
export class Server {
  constructor(fovea, library, port, more = []) {
    Object.assign(this, {
      fovea,
      library,
      port,
      more,
      child: null,
      log: '',
    });
    this.url = `http://127.0.0.1:${port}`;
  }

  async start() {
    const args = [
      'serve',
      '--library',
      this.library,
      '--listen',
      `127.0.0.1:${this.port}`,
      ...this.more,
    ];
    const child = spawn(this.fovea, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes) => (this.log = (this.log + bytes).slice(-20_000)));
    await until(
      async () => {
        if (child.exitCode !== null)
          throw new Error(`fovea serve ended with ${child.exitCode}: ${this.log}`);
        const response = await fetch(`${this.url}/`);
        return response.ok;
      },
      `fovea serve on port ${this.port}`,
      START_MS,
    );
  }

  async stop() {
    const { child } = this;
    if (!child || child.exitCode !== null) return;
    child.kill('SIGTERM');
    await Promise.race([once(child, 'exit'), sleep(10_000)]);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}

// A page in a context of its own. `quiet`: patterns of console errors that belong to the test.
export async function openPage(
  browser,
  { url, width = 1280, height = 800, quiet = [], ...context },
) {
  const ctx = await browser.newContext({
    viewport: { width, height },
    ...context,
  });
  const page = await ctx.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(`exception: ${error.message}`));
  page.on('dialog', (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    if (message.type() === 'error' && !quiet.some((pattern) => pattern.test(message.text())))
      wrong.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const target = request.url();
    if (!target.startsWith(url) && !/^(blob|data):/.test(target))
      wrong.push(`request to ${target}`);
  });
  return {
    page,
    go: (hash) => page.goto(`${url}/${hash}`),
    close: async () => {
      await ctx.close();
      if (wrong.length > 0) throw new Error(wrong.join('; '));
    },
    ids: () => tileIds(page),
  };
}

// The ids of the tiles that exist, in the order of the list.
export const tileIds = (page) =>
  page.$$eval('.tile', (tiles) =>
    tiles.sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).map((tile) => Number(tile.dataset.id)),
  );

export async function tilesShown(page) {
  await page.locator('.tile').first().waitFor();
  return tileIds(page);
}

export async function api(server, method, path, body) {
  const response = await fetch(server.url + path, {
    method,
    ...(body
      ? {
          body: JSON.stringify(body),
          headers: { 'Content-Type': 'application/json' },
        }
      : {}),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

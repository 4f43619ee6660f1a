// SPDX-License-Identifier: MIT
//
// The page's tests in a browser, against the real server on the demonstration library.
//
//     node tests/web/run.mjs FOVEA DATA [--chromium FILE] [--only TEXT] [--screenshots FOLDER]
//
// DATA is the folder with the demonstration's model. With --screenshots the pictures in docs/ are
// made, instead of the tests. Exit status 77: there is no Chromium here, or not the tests' packages.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [fovea, data, ...options] = process.argv.slice(2);
const option = (name) => {
  const at = options.indexOf(name);
  return at < 0 ? undefined : options[at + 1];
};

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

// The shell is the same Chromium without its own windows and menus, and does the same in less time.
const chromium =
  option('--chromium') ??
  [
    '/usr/bin/chromium-headless-shell',
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ].find(existsSync);
if (!chromium) skip('the page in a browser: no Chromium here (scripts/setup --web installs it)');
if (!existsSync(fileURLToPath(new URL('../../web/node_modules/playwright-core', import.meta.url))))
  skip('the page in a browser: its packages are not here (scripts/setup --web installs them)');

const { freePort, openBrowser, Server } = await import('./harness.mjs');

// Names that would do harm where one is put into markup, an address or a line of text.
const HOSTILE = [
  '<img src=x onerror=alert(1)>.jpg',
  '"><script>alert(2)<',
  'it\'s & "so".jpg',
  'a#b?c%20d%.jpg',
  'two\nlines.jpg',
  '${7*7}`x`.jpg',
  'x..%2f..%2fetc.jpg',
  '\u202egpj.exe.jpg',
  'javascript:alert(3).jpg',
].map((name) => name.replaceAll('/', '_'));

const scratch = mkdtempSync(join(tmpdir(), 'fovea-web.'));
const run = (...args) => execFileSync(fovea, args, { stdio: ['ignore', 'pipe', 'pipe'] });
for (const name of [
  'FOVEA_MODEL',
  'FOVEA_MODELS',
  'FOVEA_LIBRARY',
  'HF_HOME',
  'HF_ENDPOINT',
  'HF_TOKEN',
])
  delete process.env[name];
Object.assign(process.env, {
  FOVEA_DATA: data,
  HF_HUB_OFFLINE: '1',
  XDG_CACHE_HOME: join(scratch, 'cache'),
  XDG_DATA_HOME: join(scratch, 'data'),
});

function jpegsBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? jpegsBelow(path) : path.endsWith('.jpg') ? [path] : [];
    })
    .sort();
}

function makeLibrary() {
  const out = join(scratch, 'demo');
  run('demo', '--out', out, '--side', '256'); // a quarter of the usual pixels, and of the time
  const pictures = jpegsBelow(join(out, 'pictures'));
  const hostile = join(scratch, 'hostile');
  mkdirSync(hostile);
  // A file of its own content each, so that each is a photograph of its own: bytes behind the end of
  // a JPEG's picture change nothing but that.
  HOSTILE.forEach((name, i) => {
    const path = join(hostile, name.includes('.jpg') ? name : `${name}.jpg`);
    copyFileSync(pictures[i * 7], path);
    writeFileSync(path, Buffer.from(`\n${i}`), { flag: 'a' });
  });
  return { library: join(out, 'library.db'), pictures, hostile };
}

async function runAll(world) {
  const only = option('--only');
  const modules = [
    'search',
    'pictures',
    'viewer',
    'duplicates',
    'categories',
    'look',
    'robust',
    'map',
    'cloud_points',
    'cloud_use',
  ];
  let failed = 0;
  let passed = 0;
  for (const name of modules) {
    const { tests, needs } = await import(`./${name}.mjs`);
    for (const [title, test] of Object.entries(tests)) {
      const full = `${name}: ${title}`;
      if (only && !full.includes(only)) continue;
      const started = Date.now();
      try {
        if (needs && !world.features.includes(needs)) {
          console.log(`skip  ${full}: this server has no ${needs} yet`);
          continue;
        }
        await test(world);
        passed++;
        console.log(`ok    ${full} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
      } catch (error) {
        failed++;
        // What the test left open would be in the way of the next ones.
        for (const context of browser.contexts()) await context.close().catch(() => undefined);
        console.log(
          `FAIL  ${full}\n      ${String(error.stack ?? error)
            .split('\n')
            .slice(0, 6)
            .join('\n      ')}`,
        );
      }
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}

let good = false;
let browser;
let server;
try {
  const files = makeLibrary();
  run(
    'index',
    '--library',
    files.library,
    '--model',
    'demo',
    join(scratch, 'demo', 'pictures'),
    files.hostile,
  );
  server = new Server(fovea, files.library, await freePort(), ['--model', 'demo']);
  await server.start();
  browser = await openBrowser(chromium);
  const { features } = await (await fetch(`${server.url}/api/v1/status`)).json();
  const world = {
    features,
    fovea,
    server,
    browser,
    scratch,
    ...files,
    hostileNames: HOSTILE,
  };
  if (option('--screenshots')) {
    const { takeScreenshots } = await import('./screenshots.mjs');
    await takeScreenshots(world, option('--screenshots'), option('--only'));
    good = true;
  } else good = await runAll(world);
  if (!good) console.log(`the server said:\n${server.log.slice(-3000)}`);
} catch (error) {
  console.log(String(error.stack ?? error));
  if (error.stderr) console.log(String(error.stderr));
} finally {
  await browser?.close();
  await server?.stop();
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(good ? 0 : 1);

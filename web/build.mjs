// SPDX-License-Identifier: MIT
//
// Builds the page and writes it as a table of C (src/server/assets.h), with the list of the files it
// was made from, so that ninja knows when to run this again.
//
//     node web/build.mjs WORK_FOLDER assets.c assets.d
//
// Bytes are written as string literals with octal escapes: a compiler reads those many times faster
// than a list of numbers.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const root = dirname(fileURLToPath(import.meta.url));

const contentTypes = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

// One literal per 4096 bytes: neighbours are joined by the compiler. Digits after an octal escape
// are no trouble, because all three of its digits are written.
function literal(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 4096) {
    let text = '';
    for (const byte of bytes.subarray(at, at + 4096)) {
      const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c && byte !== 0x3f;
      text += plain ? String.fromCharCode(byte) : '\\' + byte.toString(8).padStart(3, '0');
    }
    lines.push(`"${text}"`);
  }
  return lines.join('\n') || '""';
}

const etag = (bytes) => `\\"${createHash('sha256').update(bytes).digest('hex').slice(0, 24)}\\"`;

function describe(path, folder, number) {
  const bytes = readFileSync(path);
  const name = '/' + relative(folder, path).split('\\').join('/');
  const type = contentTypes[extname(path)];
  if (!type) throw new Error(`no content type for ${name}; add it to web/build.mjs`);
  const packed = gzipSync(bytes, { level: 9 });
  const pays = packed.length < bytes.length * 0.9;
  const define = (suffix, data) =>
    `static const unsigned char ${suffix}_${number}[${data.length} + 1] =\n${literal(data)};\n`;
  return {
    name,
    source: define('bytes', bytes) + (pays ? define('gzip', packed) : ''),
    row:
      `    {"${name}", "${type}", "${etag(bytes)}", ${pays ? `"${etag(packed)}"` : 'NULL'}, ` +
      `${name.startsWith('/assets/')}, bytes_${number}, ${bytes.length}, ` +
      `${pays ? `gzip_${number}, ${packed.length}` : 'NULL, 0'}},`,
  };
}

function writeTable(folder, out) {
  const paths = filesBelow(folder);
  const all = paths.map((path, number) => describe(path, folder, number));
  all.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  writeFileSync(
    out,
    '/* Made by web/build.mjs. */\n#include "server/assets.h"\n\n' +
      all.map((asset) => asset.source).join('\n') +
      `\nconst struct asset assets[] = {\n${all.map((asset) => asset.row).join('\n')}\n};\n` +
      'const size_t assets_count = sizeof assets / sizeof assets[0];\n',
  );
}

const [folder, out, dependencies] = process.argv.slice(2).map((path) => resolve(path));
if (!dependencies) {
  console.error('usage: build.mjs WORK_FOLDER assets.c assets.d');
  process.exit(2);
}
await build({
  root,
  configFile: join(root, 'vite.config.mjs'),
  logLevel: 'warn',
  build: { outDir: folder, emptyOutDir: true },
});
writeTable(folder, out);

// Everything of web/src, also what no module imports: Tailwind reads it for class names.
const inputs = ['src', 'public'].flatMap((name) => filesBelow(join(root, name)));
const fixed = ['index.html', 'build.mjs', 'vite.config.mjs', 'package-lock.json'];
const all = [...inputs, ...fixed.map((name) => join(root, name))];
const escaped = all.map((path) => path.replaceAll(' ', '\\ '));
writeFileSync(dependencies, `${process.argv[3].replaceAll(' ', '\\ ')}: ${escaped.join(' ')}\n`);

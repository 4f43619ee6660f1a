// SPDX-License-Identifier: MIT
//
// `npm run dev` serves the page while it is written, and asks a running `fovea serve` for the rest
// (FOVEA_SERVER, by default the address that it listens on by itself).
import tailwindcss from '@tailwindcss/vite';

const server = process.env.FOVEA_SERVER ?? 'http://127.0.0.1:8080';

export default {
  plugins: [tailwindcss()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // what is a file stays one: the page's policy allows no data: scripts
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900, // three.js, which only the map loads
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': server, '/images': server } },
};

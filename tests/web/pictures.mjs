// SPDX-License-Identifier: MIT
//
// Searching with a picture that is chosen, dropped or pasted.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { check, openPage, same, tilesShown, until } from './harness.mjs';

// What the page sends, as it says it: the browser's own record of a form lacks its files.
async function watch(page) {
  const requests = [];
  await page.exposeFunction('toldSearch', (query) => requests.push(JSON.parse(query)));
  await page.addInitScript(() => {
    const ask = window.fetch;
    window.fetch = async (path, init) => {
      if (path === '/api/v1/search') {
        const form = init.body instanceof FormData;
        const query = JSON.parse(form ? await init.body.get('query').text() : init.body);
        const files = form ? init.body.getAll('image').map((file) => file.name) : [];
        await window.toldSearch(JSON.stringify({ ...query, files }));
      }
      return ask(path, init);
    };
  });
  return requests;
}

// The picture is one of the library's, so that it is its own best match. Of several equal or nearly
// equal ones any may come first.
async function expectItself(page, path) {
  await page.locator('.search-chip').waitFor();
  await until(
    async () =>
      Number(
        await page
          .locator('.tile-score')
          .first()
          .innerText()
          .catch(() => 0),
      ) > 0.99,
    `${path} as its own best match`,
  );
  check(
    await page.getByText('Your picture goes to this server only, and is not kept.').isVisible(),
    'says where it goes',
  );
}

// Makes the event that a browser makes, with the file in it.
const giveFile = (page, path, type, target = 'body') =>
  page.evaluate(
    ({ bytes, name, kind, selector }) => {
      const data = new DataTransfer();
      const raw = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
      data.items.add(new File([raw], name, { type: 'image/jpeg' }));
      const element = document.querySelector(selector);
      if (kind === 'paste') {
        element.dispatchEvent(
          new ClipboardEvent('paste', {
            clipboardData: data,
            bubbles: true,
            cancelable: true,
          }),
        );
        return;
      }
      for (const step of ['dragenter', 'dragover', 'drop'])
        element.dispatchEvent(
          new DragEvent(step, {
            dataTransfer: data,
            bubbles: true,
            cancelable: true,
          }),
        );
    },
    {
      bytes: readFileSync(path).toString('base64'),
      name: basename(path),
      kind: type,
      selector: target,
    },
  );

export const tests = {
  'chosen, and cleared': async ({ browser, server, pictures }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    const requests = await watch(page);
    await go('');
    await tilesShown(page);
    await page.locator('input[type=file]').setInputFiles(pictures[11]);
    await expectItself(page, pictures[11]);
    same(requests[0].files, ['image'], 'sent as a form, without its name');
    await page
      .getByRole('button', {
        name: `Remove ${basename(pictures[11])} from the search`,
      })
      .click();
    await until(async () => (await page.locator('.tile-score').count()) === 0, 'the library again');
    same(await page.locator('.search-chip').count(), 0, 'no picture is left');
    await close();
  },

  'dropped anywhere': async ({ browser, server, pictures }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/categories'); // not the search: it goes there by itself
    await page.locator('.category-card').first().waitFor();
    await giveFile(page, pictures[25], 'drop', 'main');
    await expectItself(page, pictures[25]);
    check((await page.evaluate(() => location.hash)).startsWith('#/search'), 'the search');
    check(await page.locator('.drop-veil').isHidden(), 'the veil is gone');
    await close();
  },

  'pasted, and joined with words': async ({ browser, server, pictures }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    const requests = await watch(page);
    await go('');
    await tilesShown(page);
    await giveFile(page, pictures[40], 'paste');
    await expectItself(page, pictures[40]);
    const before = requests.length;
    await page.getByRole('searchbox').fill('at night');
    await page.getByRole('searchbox').press('Enter');
    await until(() => requests.length > before, 'another question');
    same(requests.at(-1).files, ['image'], 'still with the picture');
    same(requests.at(-1).texts, [{ text: 'at night' }], 'and the words');
    await page.getByLabel(/How much .* counts/).selectOption('0.5');
    await until(() => requests.at(-1).images[0].weight === 0.5, 'at half the weight');
    await page.getByRole('button', { name: 'Clear the search' }).click();
    await until(async () => (await page.locator('.search-chip').count()) === 0, 'cleared');
    await close();
  },

  'that cannot be read: says so': async ({ browser, server, scratch }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
      quiet: [/status of 4\d\d/],
    });
    const { writeFileSync } = await import('node:fs');
    const path = `${scratch}/not-a-picture.jpg`;
    writeFileSync(path, 'nothing of the kind');
    await go('');
    await tilesShown(page);
    await page.locator('input[type=file]').setInputFiles(path);
    const alert = page.getByRole('alert').filter({ hasText: 'That did not work' });
    await alert.waitFor();
    check(/decode|image|picture/i.test(await alert.innerText()), await alert.innerText());
    await close();
  },
};

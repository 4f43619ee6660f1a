// SPDX-License-Identifier: MIT
//
// Categories, tried live on the library, then kept.
import { api, check, openPage, same, until } from './harness.mjs';

const total = (page) =>
  page.$$eval('[data-part=count]', (counts) => counts.map((count) => Number(count.textContent)));

export const tests = {
  'prompts are tried as they are typed, and nothing is kept': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    const before = await api(server, 'GET', '/api/v1/categories');
    await go('#/categories');
    await until(async () => (await total(page)).length === 6, 'six counts');
    const first = await total(page);
    const { library } = await api(server, 'GET', '/api/v1/status');
    same(
      first.reduce((a, b) => a + b, 0),
      library.photos,
      'every photograph has one',
    );
    await page.getByLabel('Prompts of category 1, one a line').fill('a photo of a waterfall');
    await until(
      async () => JSON.stringify(await total(page)) !== JSON.stringify(first),
      'other counts',
    );
    check((await page.locator('.strip-tile').count()) > 0, 'examples');
    same(await api(server, 'GET', '/api/v1/categories'), before, 'what the server keeps');
    await close();
  },

  'a new set: saved, run, searchable, forgotten': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/categories');
    await page.locator('.category-card').first().waitFor();
    await page.getByLabel('Category set').selectOption({ label: 'New set …' });
    check(
      await page.getByRole('button', { name: 'Save and run' }).isDisabled(),
      'an empty set cannot be saved',
    );
    await page.getByLabel('Name of the set').fill('night & day');
    await page.getByLabel('Name of category 1', { exact: true }).fill('Night <b>');
    await page
      .getByLabel('Prompts of category 1, one a line')
      .fill('a photo at night\na starry night sky');
    await page.getByLabel('Name of category 2', { exact: true }).fill('Day');
    await page.getByLabel('Prompts of category 2, one a line').fill('a photo in daylight');
    await until(async () => (await total(page)).length === 2, 'two counts');
    const tried = await total(page);
    await page.getByRole('button', { name: 'Save and run' }).click();
    await page.getByText(/classified by/).waitFor();
    const kept = async () =>
      (await api(server, 'GET', '/api/v1/categories')).sets
        .find((one) => one.name === 'night & day')
        ?.categories.map((category) => category.count);
    await until(
      async () => JSON.stringify(await kept()) === JSON.stringify(tried),
      'the counts that were tried',
    );
    const { sets } = await api(server, 'GET', '/api/v1/categories');
    await page.getByRole('button', { name: 'Forget' }).click();
    await until(
      async () =>
        !(await api(server, 'GET', '/api/v1/categories')).sets.some(
          (one) => one.name === 'night & day',
        ),
      'forgotten',
    );
    // The default set is what photographs are labelled with again.
    await api(
      server,
      'POST',
      `/api/v1/categories/${encodeURIComponent(sets.find((one) => one.default).name)}/run`,
      {},
    );
    await close();
  },
};

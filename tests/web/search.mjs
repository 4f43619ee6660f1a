// SPDX-License-Identifier: MIT
//
// Phrases, the floor, more like this, filters, and who wins when answers come out of order.
import { api, check, openPage, same, tileIds, tilesShown, until } from './harness.mjs';

const box = (page) => page.getByRole('searchbox');
const summary = (page) => page.locator('.summary').first().innerText();

async function searchFor(page, text) {
  await box(page).fill(text);
  await box(page).press('Enter');
  await until(
    async () =>
      /strong|reaches/.test(await summary(page)) && (await page.locator('.busy').isHidden()),
    `the answer to ${text}`,
  );
}

const asked = (page) => {
  const requests = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/api/v1/search')) requests.push(request);
  });
  return requests;
};

export const tests = {
  'shows the library when nothing is asked': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('');
    const shown = await tilesShown(page);
    const list = await api(server, 'GET', '/api/v1/photos?limit=1000');
    same(
      shown.slice(0, 10),
      list.photos.slice(0, 10).map((photo) => photo.id),
      'the newest first',
    );
    check((await summary(page)).startsWith(`${list.total} photographs`), 'says how many');
    await close();
  },

  'finds by a phrase, in the order of the server, with scores': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('');
    await searchFor(page, 'a starry night sky');
    const shown = await tilesShown(page);
    const answer = await api(server, 'POST', '/api/v1/search', {
      texts: [{ text: 'a starry night sky' }],
      floor: 'auto',
      weak: true,
      limit: 1000,
    });
    check(answer.strong_total > 3, `${answer.strong_total} strong ones`);
    same(
      shown.slice(0, 10),
      answer.results.slice(0, 10).map((hit) => hit.photo.id),
      'order',
    );
    same(
      await page.locator('.tile-score').first().innerText(),
      answer.results[0].score.toFixed(3),
      'score',
    );
    check(
      (await summary(page)).startsWith(`${answer.strong_total} strong match`),
      await summary(page),
    );
    check(
      (await page.evaluate(() => location.hash)).includes('q=a+starry+night+sky'),
      'the address holds the question',
    );
    await close();
  },

  'a view is found again as it was left': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('');
    await tilesShown(page);
    await searchFor(page, 'a waterfall');
    const left = await page.evaluate(() => location.hash);
    check(left.includes('q=a+waterfall'), left);
    const view = (name) => page.getByRole('navigation', { name: 'Views' }).getByText(name);
    await view('Categories').click();
    await until(async () => box(page).isHidden(), 'the categories');
    await view('Search').click();
    same(await box(page).inputValue(), 'a waterfall', 'after the tab');
    await page.locator('.tile').first().focus();
    await page.keyboard.press('g');
    await page.keyboard.press('c');
    await until(async () => box(page).isHidden(), 'the categories by keys');
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    same(await page.evaluate(() => location.hash), left, 'the address after the keys');
    same(await box(page).inputValue(), 'a waterfall', 'after the keys');
    await close();
  },

  'asks while one types, once for a word': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('');
    await tilesShown(page);
    const requests = asked(page);
    await box(page).pressSequentially('waterfall', { delay: 15 });
    await until(async () => /strong|reaches/.test(await summary(page)), 'an answer without Enter');
    check(
      requests.length >= 1 && requests.length <= 3,
      `${requests.length} requests for 9 letters`,
    );
    await close();
  },

  clears: async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/search?q=waterfall');
    await tilesShown(page);
    await page.getByRole('button', { name: 'Clear the search' }).click();
    await until(async () => /photographs$/.test(await summary(page)), 'the whole library');
    same(await box(page).inputValue(), '', 'the field');
    check(!(await page.evaluate(() => location.hash)).includes('q='), 'the address');
    await box(page).fill('sea');
    await box(page).press('Escape');
    same(await box(page).inputValue(), '', 'Escape clears, too');
    await close();
  },

  'moves the floor without asking again': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/search?q=the+sea');
    await tilesShown(page);
    const requests = asked(page);
    const slider = page.getByRole('slider', { name: /Floor/ });
    const strong = async () => Number(/^(\d+) strong/.exec(await summary(page))?.[1] ?? 0);
    const before = await strong();
    const set = (value) =>
      slider.evaluate((input, to) => {
        input.value = to === 'max' ? input.max : to === 'min' ? input.min : to;
        input.dispatchEvent(new Event('input', { bubbles: true }));
      }, value);
    await set('min');
    await until(async () => (await strong()) > before, 'more strong ones');
    same(await page.locator('[data-part=divider]').count(), 0, 'nothing is weak');
    await set('max');
    await until(async () => (await strong()) < before, 'fewer strong ones');
    same(requests.length, 0, 'requests');
    check(
      (await page.evaluate(() => location.hash)).includes('floor='),
      'the address holds the floor',
    );
    await page.getByRole('button', { name: 'auto' }).click();
    await until(async () => (await strong()) === before, 'the server’s own floor');
    await slider.focus();
    await page.keyboard.press('ArrowRight');
    await until(
      async () => (await page.locator('.floor-value').innerText()) !== '',
      'the keyboard moves it',
    );
    await close();
  },

  'parts strong from weak': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
      height: 3000,
    });
    await go('#/search?q=a+lighthouse+above+the+sea');
    await tilesShown(page);
    await page.locator('[data-part=divider]').waitFor();
    const answer = await api(server, 'POST', '/api/v1/search', {
      texts: [{ text: 'a lighthouse above the sea' }],
      floor: 'auto',
      weak: true,
      limit: 1000,
    });
    const quiet = await page.$$eval('.tile-weak', (tiles) =>
      Math.min(...tiles.map((tile) => Number(tile.ariaPosInSet))),
    );
    same(quiet, answer.strong_total + 1, 'the first weak one');
    await close();
  },

  'says that nothing fits, and shows the closest': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/search?q=a+bowl+of+noodle+soup&floor=default');
    await page.getByText('No strong matches found.').waitFor();
    const answer = await api(server, 'POST', '/api/v1/search', {
      texts: [{ text: 'a bowl of noodle soup' }],
    });
    same(answer.strong, false, 'the server finds nothing strong');
    same((await tileIds(page))[0], answer.results[0].photo.id, 'the closest');
    await close();
  },

  'leaves out what has a minus': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('');
    await tilesShown(page);
    const requests = asked(page);
    await searchFor(page, 'the sea -"a lighthouse"');
    same(requests.at(-1).postDataJSON().unwanted, [{ text: 'a lighthouse' }], 'what is unwanted');
    await box(page).fill('-people');
    await page.getByText('Say what you look for, too').waitFor();
    await close();
  },

  'finds more like this': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/search?q=waterfall');
    const [first] = await tilesShown(page);
    const requests = asked(page);
    await page.locator('.tile').first().hover();
    await page.locator('.tile-similar').first().click();
    await until(() => requests.length > 0, 'a question');
    same(requests[0].postDataJSON().photos, [{ id: first }], 'the photograph');
    await page.locator('.search-chip').waitFor();
    await until(
      async () => !(await tileIds(page)).includes(first),
      'the photograph itself is left out',
    );
    check((await page.evaluate(() => location.hash)).includes(`like=${first}`), 'the address');
    await page.goBack();
    await until(async () => (await box(page).inputValue()) === 'waterfall', 'back leads back');
    await close();
  },

  filters: async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('');
    await tilesShown(page);
    await page.getByRole('button', { name: 'Filters' }).click();
    const category = page.getByLabel('Category', { exact: true });
    await until(
      async () => (await category.locator('option').count()) > 1,
      'what there is to choose from',
    );
    await category.selectOption('Urban Glow');
    const { total } = await api(server, 'GET', '/api/v1/photos?category=Urban+Glow');
    await until(async () => (await summary(page)).startsWith(`${total} photographs`), 'only those');
    await page.getByRole('button', { name: 'Remove filter Category: Urban Glow' }).click();
    await until(async () => !(await summary(page)).startsWith(`${total} photographs`), 'all again');
    await close();
  },

  'filters by a set’s categories, and by a place': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
      quiet: [/status of 400/],
    });
    await go('');
    await tilesShown(page);
    await page.getByRole('button', { name: 'Filters' }).click();
    const { sets } = await api(server, 'GET', '/api/v1/categories');
    const set = sets.find(({ run }) => run);
    const field = page.getByLabel('Category set');
    await until(async () => (await field.locator('option').count()) > 1, 'the sets');
    await field.selectOption(set.name);
    const { name, count } = set.categories[1];
    await page.getByLabel('Category', { exact: true }).selectOption(`${set.name}:${name}`);
    const photographs = (n) => `${n} photograph${n === 1 ? '' : 's'}`;
    await until(
      async () => (await summary(page)).startsWith(photographs(count)),
      `the ${count} of ${name}`,
    );
    await page.reload();
    await tilesShown(page);
    await page.getByRole('button', { name: 'Filters' }).click();
    await until(async () => (await field.inputValue()) === set.name, 'the set after a reload');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    const { photos } = await api(server, 'GET', '/api/v1/photos?gps=-90,-180,90,180&limit=1000');
    check(photos.length > 0, 'the library has photographs with a place');
    const { metadata } = await api(server, 'GET', `/api/v1/photos/${photos[0].id}`);
    const { latitude, longitude } = metadata;
    const around = [latitude - 1, longitude - 1, latitude + 1, longitude + 1]
      .map((degrees) => degrees.toFixed(2))
      .join(',');
    const { total } = await api(server, 'GET', `/api/v1/photos?gps=${around}`);
    await page.getByLabel('Place', { exact: true }).fill(around);
    await page.getByLabel('Place', { exact: true }).press('Enter');
    await until(async () => (await summary(page)).startsWith(photographs(total)), 'those there');
    await page.getByRole('button', { name: /^Remove filter Place: / }).waitFor();
    await page.getByLabel('Place', { exact: true }).fill('somewhere');
    await page.getByLabel('Place', { exact: true }).press('Enter');
    await page.getByText(/bad value 'somewhere' for gps/).waitFor();
    await close();
  },

  'lets the latest question win': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
      quiet: [/ERR_ABORTED|Failed to load/],
    });
    await go('');
    await tilesShown(page);
    let release;
    const held = new Promise((resolve) => (release = resolve));
    let delayed = 0;
    await page.route('**/api/v1/search', async (route) => {
      const { texts } = route.request().postDataJSON();
      if (texts[0].text !== 'stars') return route.continue();
      delayed++;
      const response = await route.fetch();
      await held;
      return route.fulfill({ response }).catch(() => undefined); // given up by the page
    });
    await box(page).fill('stars');
    await box(page).press('Enter');
    await until(() => delayed === 1, 'the first question');
    await searchFor(page, 'waterfall');
    const answer = await api(server, 'POST', '/api/v1/search', {
      texts: [{ text: 'waterfall' }],
      floor: 'auto',
      weak: true,
      limit: 1000,
    });
    const wanted = answer.results.slice(0, 5).map((hit) => hit.photo.id);
    same((await tileIds(page)).slice(0, 5), wanted, 'the second answer');
    release();
    await page.waitForTimeout(300);
    same((await tileIds(page)).slice(0, 5), wanted, 'after the first answer came');
    same(await box(page).inputValue(), 'waterfall', 'the field');
    await close();
  },

  'scrolls through 10,000 with few elements': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    const { photos } = await api(server, 'GET', '/api/v1/photos?limit=1000');
    const total = 10_000;
    await page.route('**/api/v1/photos?*', (route) => {
      const params = new URL(route.request().url()).searchParams;
      const [limit, offset] = [Number(params.get('limit')), Number(params.get('offset'))];
      const part = Array.from({ length: Math.min(limit, total - offset) }, (_, i) => ({
        ...photos[(offset + i) % photos.length],
        id: offset + i + 1,
      }));
      return route.fulfill({
        json: { total, limit, offset, photos: part },
      });
    });
    await go('');
    await tilesShown(page);
    let most = 0;
    await until(
      async () => {
        await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
        const ids = await tileIds(page);
        most = Math.max(most, ids.length);
        return ids.at(-1) === total;
      },
      'the last of them',
      30_000,
    );
    check(most < 200, `${most} tiles at once`);
    await close();
  },
};

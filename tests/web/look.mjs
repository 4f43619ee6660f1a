// SPDX-License-Identifier: MIT
//
// Dark and light, phone width, contrast, labels, and the keyboard across the views.
import { check, openPage, same, tilesShown, until } from './harness.mjs';

const views = ['search', 'map', 'duplicates', 'categories'];

function luminance([r, g, b]) {
  const linear = [r, g, b].map((value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

// The colours as the browser has them.
const colour = (page, name) =>
  page.evaluate((variable) => {
    const probe = document.createElement('i');
    probe.style.color = `var(--${variable})`;
    document.body.append(probe);
    const parts = getComputedStyle(probe)
      .color.match(/[\d.]+/g)
      .slice(0, 3)
      .map(Number);
    probe.remove();
    return parts;
  }, name);

export const tests = {
  'dark at first, light when chosen, and it stays': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('');
    await tilesShown(page);
    const background = () =>
      page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const dark = await background();
    check(luminance(dark.match(/\d+/g).map(Number)) < 0.02, `dark: ${dark}`);
    for (const theme of ['dark', 'light']) {
      if (theme === 'light') await page.getByRole('button', { name: 'Light theme' }).click();
      for (const surface of ['bg', 'surface', 'raised'])
        for (const text of ['ink', 'muted', 'accent', 'warn', 'bad']) {
          const ratio = contrast(await colour(page, text), await colour(page, surface));
          check(ratio >= 4.5, `${theme}: ${text} on ${surface} has ${ratio.toFixed(2)}:1`);
        }
      const button = contrast(await colour(page, 'on-accent'), await colour(page, 'accent'));
      check(button >= 4.5, `${theme}: text on a button has ${button.toFixed(2)}:1`);
    }
    const light = await background();
    check(luminance(light.match(/\d+/g).map(Number)) > 0.8, `light: ${light}`);
    await page.reload();
    await tilesShown(page);
    same(await background(), light, 'after a reload');
    await close();
  },

  'fits a phone': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
      width: 360,
      height: 740,
      hasTouch: true,
      isMobile: true,
    });
    for (const view of views) {
      await go(`#/${view}`);
      await page.locator('main > *').first().waitFor();
      await page.waitForTimeout(300);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      check(over <= 0, `${view} is ${over} px too wide`);
    }
    await page.getByRole('link', { name: 'Search' }).tap();
    await tilesShown(page);
    await page.locator('.tile-open').first().tap();
    await page.locator('dialog.viewer').waitFor();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(over <= 0, `the full view is ${over} px too wide`);
    await close();
  },

  'every control has a name': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    for (const view of views) {
      await go(`#/${view}`);
      await page.locator('main > *').first().waitFor();
      await page.waitForTimeout(300);
      const nameless = await page.$$eval(
        'button, a, input:not([type=hidden]), select, textarea',
        (controls) =>
          controls
            .filter((control) => {
              const label = control.getAttribute('aria-label') ?? '';
              const text = control.textContent ?? '';
              const labelled = control.labels
                ? [...control.labels].map((one) => one.textContent).join('')
                : '';
              return !(label + text + labelled).trim();
            })
            .map((control) => control.outerHTML.slice(0, 120)),
      );
      same(nameless, [], `${view}: controls without a name`);
    }
    await close();
  },

  'the keyboard goes everywhere, and one sees where it is': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('');
    await tilesShown(page);
    await page.keyboard.press('Tab');
    same(
      await page.evaluate(() => document.activeElement.textContent),
      'Skip to the content',
      'the first stop',
    );
    for (const [key, view] of [
      ['d', 'duplicates'],
      ['c', 'categories'],
      ['m', 'map'],
      ['s', 'search'],
    ]) {
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await until(
        async () => (await page.evaluate(() => location.hash)).startsWith(`#/${view}`),
        `g ${key}`,
      );
    }
    await page.keyboard.press('/');
    same(await page.evaluate(() => document.activeElement.type), 'search', '/ leads to the search');
    const hidden = [];
    for (let i = 0; i < 4; i++) {
      await page.keyboard.press('Tab');
      const stop = await page.evaluate(() => {
        const { activeElement } = document;
        const seen = getComputedStyle(activeElement).outlineStyle !== 'none';
        return seen ? null : activeElement.outerHTML.slice(0, 80);
      });
      if (stop) hidden.push(stop);
    }
    same(hidden, [], 'stops that do not show the focus');
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('?');
    await page.getByRole('heading', { name: 'How it works' }).waitFor();
    await page.keyboard.press('Escape');
    await close();
  },

  'does not move for whom it should not': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
      reducedMotion: 'reduce',
    });
    await go('');
    await tilesShown(page);
    const moving = await page.evaluate(
      () =>
        document.getAnimations().filter((one) => Number(one.effect?.getTiming().duration) > 1)
          .length,
    );
    same(moving, 0, 'animations');
    await close();
  },
};

// SPDX-License-Identifier: MIT
//
// The review of duplicates. The demonstration has copies, smaller versions and bursts.
import { api, check, openPage, same, until } from './harness.mjs';

export const needs = 'duplicates';

export const tests = {
  'groups, what to keep and why, not a duplicate, undo': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/duplicates?tier=same-picture');
    await page.locator('.group-card').first().waitFor({ timeout: 60_000 });
    const listed = await api(server, 'GET', '/api/v1/duplicates?tier=same-picture&limit=50');
    same(await page.locator('.group-card').count(), listed.groups.length, 'groups');
    const [group] = listed.groups;
    const card = page.locator('.group-card').first();
    same(await card.locator('.member').count(), group.members.length, 'members');
    same(
      await card.locator('.member-keep').count(),
      group.members.filter((member) => member.keep).length,
      'one to keep',
    );
    const { reason } = group;
    check((await card.locator('.keep-badge').innerText()).includes(reason), 'and why');
    await card.getByRole('button', { name: 'Not duplicates' }).click();
    await until(
      async () => (await page.locator('.group-card').count()) === listed.groups.length - 1,
      'one less',
    );
    await page.reload();
    await page
      .locator('.group-card')
      .first()
      .waitFor({ timeout: 60_000 })
      .catch(() => undefined);
    const after = await api(server, 'GET', '/api/v1/duplicates?tier=same-picture&limit=50');
    same(after.total, listed.total - 1, 'remembered by the server');
    same(await page.locator('.group-card').count(), after.groups.length, 'after a reload');
    const decisions = await api(server, 'GET', '/api/v1/duplicates/decisions');
    check(decisions.total > 0, 'listed as a decision');
    // Taken back, so that the library is as it was.
    const ids = [...new Set(group.members.map((member) => member.photo.id))];
    await api(server, 'POST', '/api/v1/duplicates/decisions', {
      photos: ids,
      decision: 'none',
    });
    await close();
  },

  undo: async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/duplicates?tier=same-picture');
    await page.locator('.group-card').first().waitFor({ timeout: 60_000 });
    const before = await page.locator('.group-card').count();
    await page.getByRole('button', { name: 'Not duplicates' }).first().click();
    await until(async () => (await page.locator('.group-card').count()) === before - 1, 'one less');
    await page.getByRole('button', { name: 'Undo' }).click();
    await until(async () => (await page.locator('.group-card').count()) === before, 'all again');
    await close();
  },

  'kinds, and the full view': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/duplicates');
    await page.locator('.group-card').first().waitFor({ timeout: 60_000 });
    await page.getByRole('link', { name: 'Same file' }).click();
    await until(
      async () =>
        page.$$eval(
          '.group-card',
          (cards) => cards.length > 0 && cards.every((card) => card.dataset.tier === 'same-bytes'),
        ),
      'only equal files',
    );
    same(
      await page.getByRole('button', { name: 'Not duplicates' }).count(),
      0,
      'equal bytes are not open to decision',
    );
    await page.getByRole('link', { name: 'All' }).click();
    await page.locator('.group-card').first().waitFor();
    await page.locator('.member-open').first().click();
    await page.locator('dialog.viewer').waitFor();
    await page.keyboard.press('Escape');
    await close();
  },
};

// Real browsers, without a window, that play into a private sound server and see http://raa.test as the insecure
// origin that a server on a LAN is.
//
// Always: Chromium without its default --mute-audio (the recording would be exact silence); a profile of their own.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { realtimePermitted } from './processes.js';

/**
 * Chromium, by Playwright; only a trusted click or key lets its pages sound. realtime: with real-time priority, for
 * measuring delay.
 */
export async function openChromium(world, sound, { realtime = false } = {}) {
  const program = process.env.RAA_CHROMIUM ?? '/usr/bin/chromium';
  return chromium.launch({
    executablePath: realtime ? atRealtime(world, program) : program,
    ignoreDefaultArgs: ['--mute-audio'],
    env: { ...process.env, ...sound.env },
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP raa.test 127.0.0.1',
      '--autoplay-policy=document-user-activation-required'],
  });
}

/** Chromium, by Puppeteer, where a tab in front hides the others. */
export async function openTabs() {
  return puppeteer.launch({
    executablePath: process.env.RAA_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--host-resolver-rules=MAP raa.test 127.0.0.1'],
  });
}

/** Firefox ESR, by Puppeteer over WebDriver BiDi. */
export async function openFirefox(sound) {
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.RAA_FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    protocolTimeout: 60_000,
    env: { ...process.env, ...sound.env },
    extraPrefsFirefox: {
      'network.dns.localDomains': 'raa.test',
      'media.cubeb.backend': 'pulse-rust',
      'media.autoplay.default': 0,
      'security.sandbox.content.level': 0,
      'app.update.disabledForTesting': true,
    },
  });
}

// The driver takes one program: a script that starts the browser with real-time priority.
function atRealtime(world, browser) {
  if (!realtimePermitted) return browser;
  const script = join(world.dir, 'bin', browser.replaceAll('/', '_'));
  mkdirSync(join(world.dir, 'bin'), { recursive: true });
  writeFileSync(script, `#!/bin/sh\nexec chrt -r 5 ${browser} "$@"\n`);
  chmodSync(script, 0o755);
  return script;
}

// Paths: the checkout, the programs under test, and the folder for logs and screenshots.

import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const BIN_DIR = process.env.RAA_BIN_DIR ?? join(ROOT, 'target/release');
export const ARTIFACTS = join(ROOT, 'target/e2e-artifacts');

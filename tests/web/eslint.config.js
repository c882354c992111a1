// The rules for all JavaScript of RAA: mistakes, not layout. Run from the top folder by `./test web`.
//
// Always: the page's own code puts no text of others into the page as HTML, and starts no code from a text.

import js from '@eslint/js';
import globals from 'globals';

const PAGE = ['crates/raa-server/web/**/*.js', 'zabbix/modules/**/*.js'];

const MISTAKES = {
  'array-callback-return': 'error',
  'default-param-last': 'error',
  eqeqeq: 'error',
  'no-alert': 'error',
  'no-console': 'error',
  'no-constructor-return': 'error',
  'no-duplicate-imports': 'error',
  'no-eval': 'error',
  'no-implicit-globals': 'error',
  'no-implied-eval': 'error',
  'no-new-func': 'error',
  'no-return-assign': 'error',
  'no-self-compare': 'error',
  'no-sequences': 'error',
  'no-shadow': 'error',
  'no-template-curly-in-string': 'error',
  'no-throw-literal': 'error',
  'no-unmodified-loop-condition': 'error',
  'no-unreachable-loop': 'error',
  'no-unused-expressions': ['error', { allowShortCircuit: true }],
  'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
  'no-use-before-define': ['error', { functions: false, classes: false, variables: false }],
  'no-useless-assignment': 'error',
  'no-var': 'error',
  'object-shorthand': 'error',
  'prefer-const': 'error',
  'require-await': 'error',
};

/** Names from other computers are text (ARCHITECTURE.md). */
const AS_TEXT = ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'setHTMLUnsafe', 'write', 'writeln'].map((property) => ({
  property, message: 'Names come from other computers: use textContent or append.' }));

export default [
  { ignores: ['**/node_modules/**', '**/vendor/**', 'target/**', 'zabbix/modules/raa_player/assets/js/player/**'] },
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: 'error' }, languageOptions: { ecmaVersion: 2022, sourceType: 'module' }, rules: MISTAKES },
  { files: PAGE, languageOptions: { globals: globals.browser }, rules: { 'no-restricted-properties': ['error', ...AS_TEXT] } },
  // Zabbix loads this file as a script that has its class.
  { files: ['zabbix/modules/raa_player/assets/js/class.widget.js'], languageOptions: { sourceType: 'script', globals: { CWidget: 'readonly' } },
    rules: { 'no-implicit-globals': 'off', 'no-unused-vars': 'off' } },
  // A test's functions run in Node.js and in the page; what they stand for is often asynchronous, and they report what they measured.
  { files: ['tests/**/*.js'], languageOptions: { globals: { ...globals.node, ...globals.browser } },
    rules: { 'no-console': 'off', 'no-shadow': 'off', 'require-await': 'off' } },
];

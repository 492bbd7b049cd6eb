// Patterns of foreign documents: what the server serves (patterns.json, which its own test reads, too) is taken, the rest is refused.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import patterns from '../redocly-rules/patterns.js';

const { served, refused } = JSON.parse(readFileSync(new URL('patterns.json', import.meta.url), 'utf8'));

test('patterns that are served', () => {
  for (const pattern of served) assert.equal(patterns.foreignPatternFault(pattern), undefined, pattern);
});

test('patterns that are refused', () => {
  for (const pattern of refused) assert.match(patterns.foreignPatternFault(pattern) ?? '', /^(it is|a |the )/, pattern);
  assert.match(patterns.foreignPatternFault('('.repeat(101) + ')'.repeat(101)), /within each other/);
  assert.equal(patterns.foreignPatternFault('('.repeat(99) + ')'.repeat(99)), undefined);
  assert.match(patterns.foreignPatternFault('é'.repeat(16385)), /longer than 32768 bytes/);
  assert.equal(patterns.foreignPatternFault('é'.repeat(16384)), undefined);
});

test('steps have up to 18 digits', () => {
  for (const step of ['1', '0.01', '1e3', '0.5', '2.50', '0.000000000000000000000000001', '123456789012345678e9', '1E-400']) {
    assert.equal(patterns.stepFault(step), undefined, step);
  }
  for (const step of ['1234567890123456789', '1.234567890123456789']) assert.match(patterns.stepFault(step), /18 digits/);
  for (const step of ['0', '-1', '0.0', '0e9']) assert.match(patterns.stepFault(step), /above 0/);
});

import assert from 'node:assert/strict'
import { intervalsOf } from './intervals.ts'

describe('intervalsOf', () => {
  const otherwise = { reportIntervalMs: 2000, idleReportIntervalMs: 30_000 }

  for (const { name, data, reportMs, idleMs } of [
    { name: 'nothing', data: {}, reportMs: 2000, idleMs: 30_000 },
    { name: 'the report interval alone', data: { reportInterval: '500ms' }, reportMs: 500, idleMs: 500 },
    { name: 'the idle interval alone', data: { idleReportInterval: '1m' }, reportMs: 2000, idleMs: 60_000 },
    {
      name: 'both, equal',
      data: { reportInterval: '5m', idleReportInterval: '300s' },
      reportMs: 300_000,
      idleMs: 300_000,
    },
    { name: 'a fraction of a millisecond', data: { reportInterval: '100.4ms' }, reportMs: 100, idleMs: 100 },
  ]) {
    it(`takes ${name}`, () =>
      assert.deepEqual(intervalsOf(data, otherwise), { reportIntervalMs: reportMs, idleReportIntervalMs: idleMs }))
  }

  for (const { name, data, faults } of [
    {
      name: 'text',
      data: { reportInterval: 'fast' },
      faults: [/`data.reportInterval` must be a duration.*got "fast"$/],
    },
    { name: 'an empty text', data: { reportInterval: '' }, faults: [/got ""$/] },
    { name: 'too short', data: { reportInterval: '99ms' }, faults: [/from 100ms to 5m/] },
    { name: 'too long', data: { idleReportInterval: '5m1s' }, faults: [/`data.idleReportInterval` must be/] },
    { name: 'two faults', data: { reportInterval: '-1s', idleReportInterval: 'x' }, faults: [/report/, /idle/] },
    {
      name: 'an idle interval below the other',
      data: { reportInterval: '10s', idleReportInterval: '9s' },
      faults: [/must be greater than or equal to `data.reportInterval`/],
    },
    { name: 'a long text, cut', data: { reportInterval: 'x'.repeat(1e6) }, faults: [/^.{1,300}$/] },
  ]) {
    it(`refuses ${name}`, () => {
      const result = intervalsOf(data, otherwise)
      assert.ok('faults' in result)
      assert.equal(result.faults.length, faults.length)
      for (const [index, fault] of faults.entries()) assert.match(result.faults[index]!, fault)
    })
  }
})

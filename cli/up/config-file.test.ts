import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { maxConfigLength, parseConfigFile } from './config-file.ts'

const head = 'apiVersion: pulltrace.dev/v1alpha1\nkind: PulltraceConfig\nmetadata: { name: a }\n'

describe('parseConfigFile', () => {
  it('accepts the sample', () => {
    const sample = readFileSync(new URL('../../config/samples/pulltraceconfig.yaml', import.meta.url), 'utf8')
    assert.equal(parseConfigFile('sample.yaml', sample).spec?.reportInterval, '2s')
  })

  it('names every fault with its line, in the order of the file', () => {
    const text = `${head}spec:\n  reportInterval: 7m\n  agent:\n    runtime:\n      sock: x\n    nodeSelector: 5\n`
    assert.throws(() => parseConfigFile('a.yaml', text), {
      code: 'invalid',
      message: [
        'a.yaml has 3 faults:',
        '  a.yaml:5: `spec.reportInterval` must be a duration such as \'2s\' from 100ms to 5m, got "7m" (write `reportInterval: 2s`)',
        "  a.yaml:8: `spec.agent.runtime` has no field 'sock'; its fields are type, socket (write `socket`)",
        '  a.yaml:9: `spec.agent.nodeSelector` must be a map of fields, got 5',
      ].join('\n'),
    })
  })

  for (const { name, text, message } of [
    { name: 'an empty file', text: '# nothing\n', message: /a\.yaml is empty/ },
    {
      name: 'two documents',
      text: `${head}---\n${head}`,
      message: /a\.yaml:5: the file must hold one document, got 2/,
    },
    { name: 'broken YAML at its line', text: `${head}spec: {\n`, message: /a\.yaml:5: / },
    { name: 'a field that is there twice', text: `${head}kind: X\n`, message: /a\.yaml:4: Map keys must be unique/ },
    {
      name: 'a missing field at the line of its parent',
      text: 'apiVersion: pulltrace.dev/v1alpha1\nkind: PulltraceConfig\nmetadata:\n  labels: {}\n',
      message: /a\.yaml:3: `metadata.name` must be .*got nothing/,
    },
    {
      name: 'an alias that expands without end',
      text: `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c]\n`,
      message: /alias/i,
    },
    {
      name: 'a file that is none, without pouring it out',
      text: 'x: [}\n'.repeat(500),
      message: /^(?=.{0,5000}$)a\.yaml has \d{3,} faults:.*\n {2}and \d+ more$/s,
    },
    { name: 'a file that is too long', text: '#'.repeat(maxConfigLength + 1), message: /at most 262144 characters/ },
  ]) {
    it(`refuses ${name}`, () => assert.throws(() => parseConfigFile('a.yaml', text), { code: 'invalid', message }))
  }
})

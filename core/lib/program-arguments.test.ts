import assert from 'node:assert/strict'
import { answeredArguments } from './program-arguments.ts'
import { loadSettings, text } from './settings.ts'

describe('answeredArguments', () => {
  let printed: string[]
  let complained: string[]
  beforeEach(() => {
    ;[printed, complained] = [[], []]
  })
  const load = (env: Readonly<Record<string, string | undefined>>) =>
    loadSettings('pulltrace-agent', { node: text('PULLTRACE_NODE_NAME', undefined, 'the name of this node') }, env)
  const answer = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    answeredArguments('pulltrace-agent', args, env, load, {
      print: line => printed.push(line),
      complain: line => complained.push(line),
    })

  it('lets a program run that is asked for nothing else', () => {
    assert.deepEqual([answer([]), answer(['--wait-to-begin'])], [undefined, undefined])
    assert.deepEqual([printed, complained], [[], []])
  })

  it('tells what there is, and the version', () => {
    assert.deepEqual([answer(['--help']), answer(['--version'])], [0, 0])
    assert.match(printed[0]!, /^Usage: pulltrace-agent \[--check-settings\]/)
    assert.match(printed[1]!, /^\d+\.\d+\.\d+$/)
  })

  it('refuses what it does not know, and says what was meant', () => {
    assert.deepEqual([answer(['--check-setings']), answer(['start'])], [2, 2])
    assert.deepEqual(complained, [
      "pulltrace-agent has no argument '--check-setings', did you mean --check-settings?\nsettings come from the environment: pulltrace-agent --help",
      "pulltrace-agent has no argument 'start'\nsettings come from the environment: pulltrace-agent --help",
    ])
  })

  it('checks the settings, those too that nothing reads', () => {
    assert.equal(answer(['--check-settings'], { PULLTRACE_NODE_NAMES: 'a' }), 2)
    assert.equal(
      complained[0],
      'nothing reads PULLTRACE_NODE_NAMES, it is no setting: did you mean PULLTRACE_NODE_NAME?',
    )
    assert.match(complained[1]!, /PULLTRACE_NODE_NAME must be/)
    assert.equal(answer(['--check-settings'], { PULLTRACE_NODE_NAME: 'a' }), 0)
  })
})

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ruleContent } from '../../store/rule-content.fake.ts'
import { Terminal, type Typed } from './terminal.fake.ts'

const rule = (name: string, more: object = {}) => ({
  name,
  state: 'active',
  action: 'observe',
  scope: { tags: ['pulls'] },
  any: [{ all: [{ field: 'image.tag', op: 'eq', field_type: 'text', value: 'latest' }] }],
  ...more,
})

describe('rules', function () {
  // Each command opens the database anew, in a worker.
  this.timeout(30_000)
  let terminal: Terminal
  beforeEach(() => {
    terminal = new Terminal()
  })
  afterEach(() => terminal[Symbol.dispose]())

  const tk = (line: string, typed?: Typed) => terminal.run(line.split(' '), typed)
  const apply = (rules: unknown, more = '--yes', typed: Typed = {}) =>
    tk(`rules apply -f - ${more}`.trim(), { stdin: JSON.stringify(rules), ...typed })
  const stored = async () => JSON.parse((await tk('rules list -o json')).out)
  const file = (name: string, text: string) => {
    const where = path.join(terminal.folder, name)
    mkdirSync(path.dirname(where), { recursive: true })
    writeFileSync(where, text)
    return where
  }

  it('creates, changes and keeps what the file says, and shows it before', async () => {
    const first = await apply([rule('one'), rule('two')])
    assert.equal(first.code, 0)
    assert.match(first.out, /^create "one"\n {2}\+schema_version: 1\n(?:.*\n)*?2 to create\n2 created\n$/)

    const second = await apply([rule('one'), rule('two', { sample_rate: 0.5 })])
    assert.match(
      second.out,
      /^update "two" \([0-9a-f-]{36}, version 1 -> 2\)\n(?:.*\n)*? {2}-sample_rate: 1\n {2}\+sample_rate: 0.5\n(?:.*\n)*?1 to update, 1 unchanged\n1 updated, 1 unchanged\n$/,
    )

    const third = await apply([rule('one'), rule('two', { sample_rate: 0.5 })])
    assert.deepEqual({ code: third.code, out: third.out }, { code: 0, out: '2 unchanged\n' })
  })

  it('notes in the audit log who did it', async () => {
    await apply([rule('one')])
    await using store = terminal.open()
    const { items } = await store.audit.search(10)
    assert.deepEqual(
      items.map(({ action, actor }) => [action, actor]),
      [['rule.create', 'cli:test@here']],
    )
  })

  it('changes nothing with --dry-run, and says by its exit code whether it would', async () => {
    await apply([rule('one')])
    assert.equal((await apply([rule('one', { action: 'drop' })], '--dry-run')).code, 1)
    assert.equal((await apply([rule('one')], '--dry-run')).code, 0)
    assert.equal((await stored())[0].action, 'observe')
  })

  it('asks at a terminal, and changes nothing when the answer is no', async () => {
    const from = file('one.yaml', JSON.stringify(rule('one')))
    const no = await tk(`rules apply -f ${from}`, { answer: false })
    assert.deepEqual({ code: no.code, questions: no.questions }, { code: 1, questions: ['Change these rules? [y/N] '] })
    assert.deepEqual(await stored(), [])
    assert.equal((await tk(`rules apply -f ${from}`, { answer: true })).code, 0)
    assert.equal((await stored()).length, 1)
  })

  it('changes nothing unasked where nobody can be asked', async () => {
    const { code, err } = await apply([rule('one')], '')
    assert.equal(code, 2)
    assert.match(err, /no terminal to confirm it at\n {2}add --yes/)
  })

  it('names every fault with its place, and then changes nothing at all', async () => {
    const good = file('rules/a.yaml', JSON.stringify([rule('good')]))
    file(
      'rules/b.yml',
      `# two rules\n- name: bad\n  action: obsrve\n  scope: { tags: [] }\n  any:\n    - all:\n        - { field: a, op: gt, field_type: text, value: 1 }\n- 12\n`,
    )
    file('rules/c.json', '{"name": "x",\n  "name": 1}')
    const { code, out, err } = await tk(`rules apply -f ${path.dirname(good)} --yes`)
    assert.deepEqual({ code, out }, { code: 2, out: '' })
    const lines = err.replaceAll(`${terminal.folder}/`, '').split('\n')
    assert.equal(lines[0], 'tk-sensor-api: 4 faults, nothing was changed:')
    assert.match(lines[1]!, /^ {2}rules\/b\.yml:3:3: `action` must be one of .*did you mean 'observe'/)
    assert.match(
      lines[2]!,
      /^ {2}rules\/b\.yml:7:31: `any\[0\]\.all\[0\]\.field_type` must be 'numeric' for 'gt', got "text"/,
    )
    assert.match(lines[3]!, /^ {2}rules\/b\.yml:8:3: a rule must be a map of fields/)
    assert.match(lines[4]!, /^ {2}rules\/c\.json:2:3: .*unique/)
    assert.deepEqual(await stored(), [])
  })

  it('changes nothing at all when somebody changes a rule while the diff is looked at', async () => {
    await apply([rule('one')])
    await using store = terminal.open()
    const [old] = await store.rules.list()
    const { rule_id: ruleId, version: basedOn, created_at, ...content } = old!
    const from = file('rules.json', JSON.stringify([rule('new'), rule('one', { action: 'drop' })]))
    const { code, err } = await tk(`rules apply -f ${from}`, {
      answer: async () => {
        const changed = { ...content, description: 'by somebody else' }
        await store.rules.change([{ kind: 'update', ruleId, basedOn, content: changed }], { name: 'user:bob' })
        return true
      },
    })
    assert.equal(code, 3)
    assert.match(err, /has version 2, and this change is based on version 1/)
    assert.deepEqual(
      (await store.rules.list()).map(({ name, description }) => [name, description]),
      [['one', 'by somebody else']],
    )
  })

  it('knows a rule by its rule_id when its name changes', async () => {
    await apply([rule('one')])
    const [{ rule_id }] = await stored()
    assert.match((await apply([rule('renamed', { rule_id })])).out, /-name: one\n {2}\+name: renamed/)
    const [after] = await stored()
    assert.deepEqual([after.rule_id, after.version, after.name], [rule_id, 2, 'renamed'])
  })

  it('deletes with --prune what no file has, active ones too', async () => {
    await apply([rule('one'), rule('two'), rule('three', { state: 'draft' })])
    const { out } = await apply([rule('one')], '--prune --yes')
    assert.match(out, /delete "two" \(.*, active: disabled first\)/)
    assert.match(out, /2 to delete, 1 unchanged\n2 deleted, 1 unchanged\n$/)
    assert.deepEqual(
      (await stored()).map((rule: { name: string }) => rule.name),
      ['one'],
    )
  })

  it('never deletes everything because a file is empty', async () => {
    await apply([rule('one')])
    const { code, err } = await apply([], '--prune --yes')
    assert.equal(code, 2)
    assert.match(err, /would delete every rule/)
    assert.equal((await stored()).length, 1)
  })

  it('imports what is not there, and never changes what is', async () => {
    await apply([rule('one', { action: 'drop' })])
    const from = file('samples.yaml', JSON.stringify([rule('one'), rule('two')]))
    assert.deepEqual((await tk(`rules import ${from}`)).out, '1 created, 1 unchanged\n')
    assert.deepEqual((await tk(`rules import ${from}`)).out, '2 unchanged\n')
    assert.deepEqual(
      (await stored()).map((rule: { action: string }) => rule.action),
      ['drop', 'observe'],
    )
  })

  for (const format of ['yaml', 'json']) {
    it(`exports as ${format} what applies to another database and changes nothing in its own`, async () => {
      await apply([
        rule('one', { description: 'a\n\tb \u202E c', scope: { tags: ['a:b'], exclude_tags: ['c'] } }),
        rule('two'),
      ])
      const to = path.join(terminal.folder, `rules.${format}`)
      await tk(`rules export ${to}`)
      assert.equal(readFileSync(to, 'utf8'), (await tk(`rules export -o ${format}`)).out)
      assert.equal((await tk(`rules apply -f ${to} --yes`)).out, '2 unchanged\n')
      const other = path.join(terminal.folder, 'other.db')
      assert.match((await tk(`rules apply -f ${to} --yes --database ${other}`)).out, /\n2 created\n$/)
      const { out } = await tk(`rules apply -f ${to} --yes --database ${other}`)
      assert.equal(out, '2 unchanged\n')
    })
  }

  it('lists rules with what they cost, and nothing in a name reaches the terminal as anything but text', async () => {
    await apply([
      rule('red \u202Edlrow', { dry_run: true, action: 'drop', scope: { tags: ['a'], exclude_tags: ['b'] } }),
    ])
    const { out } = await tk('rules list')
    assert.match(
      out,
      /^ID +VERSION +STATE +ACTION +SAMPLE +SCORE +TAGS +NAME\n[0-9a-f-]{36} +1 +active +drop \(dry run\) +1 +22 +a,!b +red �dlrow\n$/,
    )
    for (const command of ['rules list -o yaml', 'rules list -o json', 'rules export']) {
      const text = (await tk(command)).out
      assert.equal(text.includes('\u202E'), false, command)
      assert.match(text, /red \\u202edlrow/, command)
    }
  })

  it('shows a rule, its cost in the order of trying, and its versions', async () => {
    const slow = { field: 'pods[*].name', op: 'eq', field_type: 'text', value: 'x' }
    const quick = { field: 'bytes', op: 'gt', field_type: 'numeric', value: 5 }
    await apply([rule('one', { any: [{ all: [slow, quick] }] })])
    await apply([rule('one', { any: [{ all: [slow, quick] }], sample_rate: 0.1 })])
    const [{ rule_id }] = await stored()
    const { out } = await tk(`rules show ${rule_id}`)
    assert.match(out, /^- rule_id: .*\n {2}version: 2\n/)
    assert.match(
      out,
      /\nScore 267 \(from 11 to .*\nCONDITION +SCORE +TEST\nany\[0\]\.all\[1\] +11 +bytes gt\nany\[0\]\.all\[0\] +256 +pods\[\*\]\.name eq\n/,
    )
    assert.match(out, /\nVERSION +WRITTEN +BY\n2 +\S+Z +cli:test@here\n1 +\S+Z +cli:test@here\n$/)
    assert.equal((await tk('rules show nothing')).code, 2)
  })

  it('shows a rule by the beginning of its id, or by its name, when no other is like that', async () => {
    await using store = terminal.open()
    const changes = ['slow pull', 'twin', 'twin'].map(
      name => ({ kind: 'create', content: ruleContent({ name }) }) as const,
    )
    const rules = (await store.rules.change(changes, { name: 'test' })).map(made => made!)
    const { rule_id: id } = rules.find(({ name }) => name === 'slow pull')!
    const shown = async (asked: string) => {
      const { code, out, err } = await terminal.run(['rules', 'show', asked, '-o', 'json'])
      return code === 0 ? JSON.parse(out)[0].rule_id : err
    }
    for (const asked of [id, id.toUpperCase(), id.slice(0, 30), 'slow pull']) {
      const others = rules.filter(({ rule_id }) => rule_id.startsWith(asked))
      if (others.length < 2) assert.equal(await shown(asked), id, asked)
    }
    const many = await shown(id.slice(0, 4))
    assert.match(many, /begins the id, of 3 rules\n {2}say which: /)
    for (const { rule_id } of rules) assert.ok(many.includes(rule_id))
    assert.match(await shown('twin'), /"twin" is the name, or begins the id, of 2 rules/)
    assert.match(await shown('slow'), /there is no rule with the id or name "slow"/)
  })

  it('pauses and resumes all rules, and says so wherever rules are shown', async () => {
    await apply([rule('one')])
    const why = ['rules', 'pause', '--why', 'drops orders']
    assert.match((await terminal.run(why)).err, /^All rules are paused since .*Z/)
    await using store = terminal.open()
    const { pause } = (await store.rules.snapshot())!
    assert.deepEqual([pause.paused, pause.by, pause.why], [true, 'cli:test@here', 'drops orders'])
    assert.match((await tk('rules list')).err, /^All rules are paused since .* by cli:test@here: drops orders\n$/)
    assert.match((await tk('rules resume')).err, /work again/)
    assert.equal((await store.rules.snapshot())!.pause.paused, false)
    assert.match((await tk('rules resume')).err, /were not paused/)
    assert.equal((await terminal.run(['rules', 'pause', '--why', ' '])).code, 2)
    assert.equal((await tk('rules pause')).code, 2)
  })

  it('works while another process has the database open', async () => {
    await using store = terminal.open()
    await store.rules.list()
    assert.equal((await apply([rule('one')])).code, 0)
    assert.deepEqual(
      (await store.rules.list()).map(({ name }) => name),
      ['one'],
    )
  })

  it('says what is wrong with the database, and changes its exit code', async () => {
    writeFileSync(terminal.databaseFile, 'no database at all, but long enough to be taken for one'.repeat(20))
    const { code, err } = await tk('rules list')
    assert.equal(code, 3)
    assert.match(err, /^tk-sensor-api: .*(database|corrupt)/)
  })

  it('says that a file is not there, a folder empty, or a place not writable', async () => {
    await apply([rule('one')])
    assert.match((await tk('rules apply -f /nowhere/x.yaml')).err, /\/nowhere\/x\.yaml cannot be read: ENOENT/)
    mkdirSync(path.join(terminal.folder, 'empty'))
    assert.match((await tk(`rules apply -f ${terminal.folder}/empty`)).err, /has no \.yaml, \.yml or \.json file/)
    writeFileSync(path.join(terminal.folder, 'latin1.yaml'), Buffer.from('name: caf\xe9', 'latin1'))
    assert.match((await tk(`rules apply -f ${terminal.folder}/latin1.yaml`)).err, /latin1\.yaml must be text in UTF-8/)
    assert.match((await tk('rules export /nowhere/x.yaml')).err, /cannot be written: ENOENT/)
  })
})

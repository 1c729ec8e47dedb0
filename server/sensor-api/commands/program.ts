import { Command, Option } from 'commander'
import { checkSettingsFlag } from '../../../core/lib/check-settings.ts'
import { version } from '../../../core/lib/version.ts'
import type { RuleFormat } from '../../rule-files/rule-text.ts'
import { exitCodeHelp } from './exit-code.ts'
import type { KeyOutput } from './keys.ts'
import type { ApplyOptions } from './rules-apply.ts'

/** What each command does; the arguments are checked by then. */
export interface Actions {
  createKey(name: string, output: KeyOutput): Promise<void>
  listKeys(output: KeyOutput): Promise<void>
  revokeKey(id: string): Promise<void>
  listRules(output: 'table' | RuleFormat): Promise<void>
  showRule(id: string, output: 'text' | RuleFormat): Promise<void>
  exportRules(file: string | undefined, format: RuleFormat): Promise<void>
  importRules(file: string): Promise<void>
  applyRules(files: readonly string[], options: ApplyOptions): Promise<void>
  pauseRules(why: string): Promise<void>
  resumeRules(): Promise<void>
}

/** Arguments and help; what is done is in `actions`. */
export function createProgram(actions: Actions): Command {
  const program = new Command('tk-sensor-api')
    .description(
      'Without a command: serve rules to sensors and take their events. The commands open the database\nthemselves, and work while the service runs.',
    )
    .version(`tk-sensor-api ${version}`, '--version', 'show the version')
    // Read before this program is.
    .option(checkSettingsFlag, 'name every wrong setting of the service, and do nothing else')
    .showHelpAfterError("Run 'tk-sensor-api --help' to see what there is.")
    .addHelpText('after', `\n${exitCodeHelp}`)

  const keys = program.command('keys').description('API keys of sensors')
  withDatabase(keys.command('create').argument('<name>', 'whose it is'))
    .description('make a key and show it, this once')
    .addOption(output(['text', 'json'], 'text'))
    .action((name: string, { output }: { output: KeyOutput }) => actions.createKey(name, output))
  withDatabase(keys.command('list'))
    .description('show all keys, newest first; never what they are')
    .addOption(output(['text', 'json'], 'text'))
    .action(({ output }: { output: KeyOutput }) => actions.listKeys(output))
  withDatabase(keys.command('revoke').argument('<id>', 'its id in the list'))
    .description('refuse a key from now on, for good')
    .action((id: string) => actions.revokeKey(id))

  const rules = program.command('rules').description('rules that sensors evaluate')
  withDatabase(rules.command('list'))
    .description('show all rules')
    .addOption(output(['table', 'json', 'yaml'], 'table'))
    .action(({ output }: { output: 'table' | RuleFormat }) => actions.listRules(output))
  withDatabase(rules.command('show').argument('<rule>', 'its rule_id, the beginning of it, or its name'))
    .description('show a rule, what it costs and who changed it')
    .addOption(output(['text', 'json', 'yaml'], 'text'))
    .action((id: string, { output }: { output: 'text' | RuleFormat }) => actions.showRule(id, output))
  withDatabase(rules.command('export').argument('[file]', 'where to (default: stdout)'))
    .description("write all rules, by rule_id, for 'import' or 'apply'")
    .addOption(output(['yaml', 'json'], 'yaml').default(undefined, 'by the name of the file, else yaml'))
    .action((file: string | undefined, { output }: { output?: RuleFormat }) =>
      actions.exportRules(file, output ?? (file?.endsWith('.json') ? 'json' : 'yaml')),
    )
  withDatabase(rules.command('import').argument('<file>', "a file, a folder, or '-' for stdin"))
    .description('add the rules that are not there; never changes one that is')
    .action((file: string) => actions.importRules(file))
  withDatabase(rules.command('apply'))
    .description('make the rules what the files say; shows what changes before')
    .requiredOption('-f, --file <file...>', "files or folders (.yaml, .yml, .json), or '-' for stdin")
    .option('--dry-run', 'only show what would change (exit code 1 when something would)')
    .option('--prune', 'delete the rules that no file has')
    .option('--yes', 'do not ask')
    .addHelpText('after', applyHelp)
    .action(({ file, ...options }: ApplyOptions & { file: string[] }) => actions.applyRules(file, options))
  withDatabase(rules.command('pause'))
    .description('emergency: every sensor drops all rules with its next sync')
    .requiredOption('--why <text>', 'for whoever finds the rules paused')
    .action(({ why }: { why: string }) => actions.pauseRules(why))
  withDatabase(rules.command('resume'))
    .description('end the pause')
    .action(() => actions.resumeRules())
  return program
}

const withDatabase = (command: Command) =>
  command.option('--database <file>', 'the database (TK_DATABASE_URL; default: ./data/tk.db)')

const output = (choices: readonly string[], fallback: string) =>
  new Option('-o, --output <format>', 'how to write it').choices(choices).default(fallback)

const applyHelp = `
A rule of a file is the stored one with its rule_id, else the only one with its name, else a new one.
Either all changes are made or none.

Examples:
  tk-sensor-api rules apply -f rules/ --dry-run
  tk-sensor-api rules export | tk-sensor-api rules apply -f - --database other.db --yes`

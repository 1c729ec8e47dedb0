import { closest } from './closest.ts'
import type { Logger } from './log.ts'
import { settingNames } from './setting-names.ts'
import type { Env } from './settings.ts'

const prefix = /^(?:TK|PULLTRACE)_/

/** What people name freely: metadata of sensors. */
const elsewhere = /^TK_META_/

/** What Kubernetes puts into the environment of each container for each Service of its namespace, such as pulltrace-server. */
const ofServices = /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/

/** The address of a Service, under a name that ends as one of our settings could. */
const addressOfService = /^(?:tcp|udp|sctp):\/\//

export interface UnknownSetting {
  readonly name: string
  /** The setting that was most likely meant. */
  readonly near: string | undefined
}

/** Variables that look like settings of ours and are none of any program: nothing reads them. */
export function unknownSettings(env: Env): readonly UnknownSetting[] {
  return Object.entries(env)
    .filter(([name, value]) => prefix.test(name) && !settingNames.has(name) && !isOfOthers(name, value ?? ''))
    .map(([name]) => ({ name, near: closest(name, [...settingNames]) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

const isOfOthers = (name: string, value: string) =>
  elsewhere.test(name) || ofServices.test(name) || (name.endsWith('_PORT') && addressOfService.test(value))

const fixOf = ({ near }: UnknownSetting) =>
  near === undefined ? 'docs/configuration.md lists every setting' : `did you mean ${near}?`

/** Once, at a start: a setting with a typing mistake would else be as if it were not there. */
export function warnOfUnknownSettings(env: Env, log: Logger): void {
  for (const setting of unknownSettings(env)) {
    log.warn('setting not known, nothing reads it', { name: setting.name, fix: fixOf(setting) })
  }
}

/** The same, for a person. */
export const unknownSettingText = (setting: UnknownSetting): string =>
  `nothing reads ${setting.name}, it is no setting: ${fixOf(setting)}`

/** What a browser without scripts sends of a form in our own markup: its fields, and the button that was pressed. */
export function sentForm(page: string, action: string, button?: string): URLSearchParams {
  const form = [...page.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].find(
    ([, tag]) => attribute(tag!, 'action') === action,
  )
  if (!form) throw new Error(`the page has no form for ${action}`)
  const fields = new URLSearchParams()
  const elements = /<input\b([^>]*)>|<textarea\b([^>]*)>(.*?)<\/textarea>|<select\b([^>]*)>(.*?)<\/select>/gs
  for (const [, input, area, text, select, options] of form[2]!.matchAll(elements)) {
    const name = attribute(input ?? area ?? select!, 'name')
    if (name === undefined) continue
    if (area !== undefined) fields.append(name, crlf(unescaped(text!.replace(/^\n/, ''))))
    else if (select !== undefined) fields.append(name, selected(options!))
    else if (!/type="(checkbox|radio)"/.test(input!)) fields.append(name, attribute(input!, 'value') ?? '')
    else if (/\schecked\b/.test(input!)) fields.append(name, attribute(input!, 'value') ?? 'on')
  }
  if (button !== undefined) fields.append('do', button)
  return fields
}

function selected(options: string): string {
  const all = [...options.matchAll(/<option\b([^>]*)>/g)].map(([, tag]) => tag!)
  return attribute(all.find(tag => /\sselected\b/.test(tag)) ?? all[0]!, 'value') ?? ''
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(tag)?.[1]
  return value === undefined ? undefined : unescaped(value)
}

const crlf = (text: string) => text.replaceAll('\n', '\r\n')
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
const unescaped = (text: string) => text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name]!)

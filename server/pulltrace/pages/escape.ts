const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text as HTML text or as a quoted attribute. Everything that comes from outside goes through here. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, character => entities[character]!)

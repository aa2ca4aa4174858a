import { expect } from 'vitest';

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** All that is not within a child. */
  readonly text: string;
}

/** Parses the XML that has a declaration, elements, attributes in double quotes and entities, and refuses all else. */
export function parseXml(xml: string): XmlElement {
  const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"' };
  const decoded = (text: string): string => {
    expect(text).not.toMatch(/[<>]|&(?!(?:amp|lt|gt|quot|#\d+);)/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML cannot hold them
    expect(text).not.toMatch(/[\0-\x08\x0b-\x1f]/);
    return text.replace(/&(?:#(\d+)|(\w+));/g, (_, code, name) =>
      code ? String.fromCharCode(Number(code)) : entities[name]!,
    );
  };
  const rest = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '');
  expect(rest).not.toBe(xml);
  const tokens = rest.trimEnd().match(/<[^<>]*>|[^<]+/g)!;
  expect(tokens.join('')).toBe(rest.trimEnd());
  let at = 0;
  const element = (): XmlElement => {
    const [tag, name, attributeText, isEmpty] = /^<([a-z]+)((?: [a-z]+="[^"]*")*)(\/?)>$/.exec(tokens[at]!)!;
    expect(tag).toBe(tokens[at++]);
    const attributes = Object.fromEntries(
      Array.from(attributeText!.matchAll(/([a-z]+)="([^"]*)"/g), ([, key, value]) => [key!, decoded(value!)]),
    );
    const children: XmlElement[] = [];
    let text = '';
    while (isEmpty === '' && tokens[at] !== `</${name}>`) {
      if (tokens[at]!.startsWith('<')) children.push(element());
      else text += decoded(tokens[at++]!);
    }
    if (isEmpty === '') at++;
    return { name: name!, attributes, children, text };
  };
  const root = element();
  expect(at).toBe(tokens.length);
  return root;
}

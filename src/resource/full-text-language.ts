/** Languages whose words can be analysed, by the first part of their tags. */
export const FULL_TEXT_LANGUAGES = ['en', 'de', 'es', 'fr', 'it', 'pt'] as const;

export type FullTextLanguage = (typeof FULL_TEXT_LANGUAGES)[number];

/** The language of a policy that names none. */
export const FULL_TEXT_LANGUAGE_DEFAULT = 'en-US';

/**
 * The language of a tag such as `en-US`; undefined for one that cannot be analysed. Regions make no
 * difference.
 */
export function languageOfTag(tag: string): FullTextLanguage | undefined {
  const [language = ''] = tag.toLowerCase().split('-');
  return FULL_TEXT_LANGUAGES.find((each) => each === language);
}

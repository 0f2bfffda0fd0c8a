import type { FullTextLanguage } from '../../resource/index.ts';

/**
 * Words too common to tell texts apart: articles, pronouns, prepositions, conjunctions and the commonest
 * auxiliary verbs. Lower case, as they stand in a text. To change a list changes what indexes hold.
 */
const LISTS: Readonly<Record<FullTextLanguage, string>> = {
  en:
    'a about after all also am an and any are as at be because been before being but by can could did ' +
    'do does for from had has have he her here him his how i if in into is it its me my no not of on or ' +
    'our out she so some such than that the their them then there these they this those to too up us ' +
    'was we were what when where which who will with would you your',
  de:
    'aber als am an auch auf aus bei bin bis bist da das dass dein dem den der des die dir doch du ' +
    'durch ein eine einem einen einer eines er es euch für hat hatte ich ihm ihn ihr im in ins ist ja ' +
    'kein keine man mein mich mir mit nach nicht noch nun nur ob oder sein sich sie sind so um und uns ' +
    'unser unter vom von vor war waren was wenn wer wie wir wird wo zu zum zur über',
  es:
    'a al algo ante antes como con contra cual cuando de del desde donde dos e el ella ellas ellos en ' +
    'entre era es esa ese eso esta este esto está están fue ha han hasta hay la las le les lo los me mi ' +
    'muy más ni no nos o para pero por porque que qué se ser si sin sobre son su sus sí también te tu ' +
    'un una uno y ya yo',
  fr:
    'a ai au aux avec ce ces cette dans de des du elle elles en est et eu il ils je la le les leur ' +
    'leurs lui ma mais me mes moi mon ne ni nos notre nous on ont ou où par pas pour qu que qui sa sans ' +
    'se ses son sont sur ta te tes toi ton tu un une vos votre vous y à été être',
  it:
    'a ad agli ai al alla alle allo anche che chi ci come con da dagli dai dal dalla dalle dallo degli ' +
    'dei del della delle dello di e ed era gli ha hanno ho i il in io la le lei li lo loro lui ma mi ne ' +
    'negli nei nel nella nelle nello noi non o per perché più quale quando quello questa questo se sei ' +
    'si sono su sugli sui sul sulla sulle sullo suo ti tra tu un una uno vi voi è',
  pt:
    'a ao aos as até com como da das de dela dele do dos e ela elas ele eles em entre era essa esse ' +
    'esta este eu foi há isso isto já lhe mais mas me mesmo meu minha muito na nas nem no nos não nós o ' +
    'os ou para pela pelas pelo pelos por qual quando que quem se sem ser seu sua são só também te tem ' +
    'um uma você à às é',
};

export function stopWordsOf(language: FullTextLanguage): ReadonlySet<string> {
  return new Set(LISTS[language].split(' '));
}

/**
 * What a script finds around it, as source text for the sandbox: `getContext()`, `__`, `console`.
 *
 * It is evaluated before the script in a realm that has nothing but the language, and yields a function of
 * (now, random) that gives the two ends the host holds: `begin` and `resume` hand JSON text in, `report`
 * hands it out. A call on the collection only notes a request and its callback. When the script has
 * returned, the host carries out what was asked, all at once and in order, and the callbacks run: so nothing
 * here ever blocks, and a script needs one message for each of its turns, not one for each of its calls.
 *
 * A script may spoil any of this for itself; the host believes nothing but the shape of the JSON it gets.
 */
import { GUEST_CHAIN } from './guest-chain.ts';

export const GUEST_PRELUDE = `(function (now, random) {
'use strict';
var global = globalThis;
var parse = JSON.parse, stringify = JSON.stringify;
var asked = [], waiting = [], input, startedMs = 0, requests = 0, hasRefused = false;
var thrown, isThrown = false, log = '', evaluate = eval;

${dateAndChance()}
${requestQueue()}
${requestAndResponse()}
${collectionFace()}
${GUEST_CHAIN}
${consoleFace()}
${entryPoint()}
${hostEnds()}
})`;

/** Time and chance come from the host, or a run could not be repeated. */
function dateAndChance(): string {
  return `
var RealDate = Date;
function HostDate() {
  if (!new.target) return new RealDate(now()).toString();
  return Reflect.construct(RealDate, arguments.length === 0 ? [now()] : arguments, new.target);
}
HostDate.prototype = RealDate.prototype;
RealDate.prototype.constructor = HostDate;
HostDate.now = function () { return now(); };
HostDate.parse = RealDate.parse;
HostDate.UTC = RealDate.UTC;
global.Date = HostDate;
Math['random'] = function () { return random(); };
`;
}

function requestQueue(): string {
  return `
function fail(error) {
  if (isThrown) return;
  isThrown = true;
  thrown = error;
}

function isAccepted() {
  if (now() - startedMs > input.acceptMs || requests >= input.requestsMax) hasRefused = true;
  return !hasRefused;
}

function ask(request, options, callback, settle) {
  if (typeof options === 'function') { callback = options; options = undefined; }
  if (callback !== undefined && callback !== null && typeof callback !== 'function') {
    throw TypeError('The callback of a collection call must be a function.');
  }
  if (!isAccepted()) return false;
  requests += 1;
  request.options = options === undefined || options === null ? {} : options;
  // Now, not when it is sent: the script may change the object as soon as it has it back.
  asked.push(stringify(request));
  waiting.push({ callback: callback, settle: settle });
  return true;
}

function errorOf(failure) {
  var error = Error(failure.body);
  error.number = failure.number;
  error.body = failure.body;
  return error;
}

function deliver(entry, answer) {
  if (answer.error !== undefined) {
    if (!entry.callback) throw errorOf(answer.error);
    entry.callback(errorOf(answer.error), undefined, {});
    return;
  }
  if (entry.callback) entry.settle(entry.callback, answer);
}

function giveResource(callback, answer) {
  var resource = answer.resource;
  callback(undefined, resource, resource === undefined ? {} : { etag: resource._etag });
}

function giveFeed(callback, answer) {
  callback(undefined, answer.feed, { continuation: answer.continuation });
}

function giveNothing(callback) {
  callback(undefined, {});
}
`;
}

function requestAndResponse(): string {
  return `
function message(body, values) {
  return {
    getBody: function () { return body; },
    setBody: function (value) { body = value; },
    getValue: function (name) { return values[name]; },
    setValue: function (name, value) { values[name] = value; },
    appendValue: function (name, value) {
      if (String(name).toLowerCase() !== 'body') {
        values[name] = values[name] === undefined ? value : String(values[name]) + value;
      } else if (body === undefined) body = value;
      else body = textOf(body) + textOf(value);
    }
  };
}

function textOf(value) {
  return typeof value === 'string' ? value : stringify(value);
}

var request, response;
`;
}

function collectionFace(): string {
  return `
var collection = {
  getSelfLink: function () { return input.selfLink; },
  getAltLink: function () { return input.altLink; },
  createDocument: function (link, body, options, callback) {
    return ask({ op: 'create', link: link, body: body }, options, callback, giveResource);
  },
  upsertDocument: function (link, body, options, callback) {
    return ask({ op: 'upsert', link: link, body: body }, options, callback, giveResource);
  },
  readDocument: function (link, options, callback) {
    return ask({ op: 'read', link: link }, options, callback, giveResource);
  },
  replaceDocument: function (link, body, options, callback) {
    return ask({ op: 'replace', link: link, body: body }, options, callback, giveResource);
  },
  deleteDocument: function (link, options, callback) {
    return ask({ op: 'delete', link: link }, options, callback, giveNothing);
  },
  queryDocuments: function (link, query, options, callback) {
    return ask({ op: 'query', link: link, query: query }, options, callback, giveFeed);
  },
  readDocuments: function (link, options, callback) {
    return ask({ op: 'list', link: link }, options, callback, giveFeed);
  }
};
['createAttachment', 'readAttachment', 'replaceAttachment', 'upsertAttachment', 'deleteAttachment',
  'readAttachments', 'queryAttachments'].forEach(function (name) {
  collection[name] = function () { throw Error('Attachments are not supported: ' + name + '.'); };
});
var context = {
  getCollection: function () { return collection; },
  getRequest: function () { return request; },
  getResponse: function () { return response; },
  abort: function (error) { throw error; }
};
function expose() {
  if (input.kind === 'function') return;
  global.getContext = function () { return context; };
  global.__ = collection;
  collection.request = request;
  collection.response = response;
  global.ErrorCodes = {
    BadRequest: 400, Forbidden: 403, NotFound: 404, RequestTimeout: 408, Conflict: 409,
    PreconditionFailed: 412, RequestEntityTooLarge: 413, TooManyRequests: 429, RetryWith: 449,
    InternalServerError: 500, ServiceUnavailable: 503
  };
}
`;
}

function consoleFace(): string {
  return `
function formatted(values) {
  var place = 0;
  var text = '';
  if (typeof values[0] === 'string') {
    place = 1;
    text = values[0].replace(/%[sdifjoO%]/g, function (mark) {
      if (mark === '%%') return '%';
      if (place >= values.length) return mark;
      var value = values[place++];
      if (mark === '%d' || mark === '%f') return String(Number(value));
      if (mark === '%i') return String(parseInt(value, 10));
      return mark === '%s' ? String(value) : stringify(value);
    });
  }
  for (; place < values.length; place++) {
    var value = values[place];
    text += (text === '' ? '' : ' ') + (typeof value === 'object' ? stringify(value) : String(value));
  }
  return text;
}
function write() {
  if (input.logCharactersMax > log.length) log += formatted(arguments) + '\\n';
}
global.console = { log: write, info: write, warn: write, error: write, debug: write };
`;
}

/** A body may be any form of function, a method without \`function\`, or statements that declare one. */
function entryPoint(): string {
  return `
function entryOf(source) {
  var first;
  try {
    var value = evaluate('(' + source + '\\n)');
    if (typeof value === 'function') return value;
  } catch (error) {
    first = error;
  }
  try {
    var holder = evaluate('({' + source + '\\n})');
    var names = Object.keys(holder);
    if (names.length > 0 && typeof holder[names[0]] === 'function') return holder[names[0]];
  } catch (error) {
    first = first || error;
  }
  var named = /\\bfunction\\s*\\*?\\s*([A-Za-z_$][\\w$]*)/.exec(source);
  if (named) {
    evaluate(source);
    if (typeof global[named[1]] === 'function') return global[named[1]];
  }
  throw first || new SyntaxError('The body of a script must be a function.');
}
`;
}

function hostEnds(): string {
  return `
function guarded(work) {
  try { work(); } catch (error) { fail(error); }
}

function run() {
  expose();
  var entry = entryOf(input.source);
  var values = input.arguments;
  if (input.kind !== 'function') {
    var result = entry.apply(undefined, values);
    // An async function fails by its promise.
    if (result && typeof result.then === 'function') result.then(undefined, fail);
    return;
  }
  // A function of queries runs over many rows in one call; what is left out of JSON is undefined.
  response.setBody(values.map(function (row) {
    var value = entry.apply(undefined, row.map(function (cell) { return cell[0]; }));
    return value === undefined ? [] : [value];
  }));
}

function describe(error) {
  var isObject = error !== null && typeof error === 'object';
  var text;
  if (isObject && typeof error.message === 'string') {
    text = String(error.name || 'Error') + ': ' + error.message;
  } else if (isObject && typeof error.body === 'string') text = 'Error: ' + error.body;
  else text = isObject ? stringify(error) : String(error);
  return {
    message: text,
    stack: isObject && typeof error.stack === 'string' ? error.stack.slice(0, 1000) : '',
    number: isObject && Number.isInteger(error.number) ? error.number : undefined
  };
}

return {
  begin: function (text) {
    input = parse(text);
    startedMs = now();
    request = message(input.requestBody, input.requestValues || {});
    if (input.operationType !== undefined) {
      request.getOperationType = function () { return input.operationType; };
    }
    response = message(input.responseBody, {});
    guarded(run);
  },
  resume: function (text) {
    var answers = parse(text);
    var entries = waiting.splice(0, answers.length);
    for (var place = 0; place < entries.length && !isThrown; place++) {
      guarded(function () { deliver(entries[place], answers[place]); });
    }
  },
  report: function () {
    if (isThrown) return stringify({ thrown: describe(thrown), log: log, hasRefused: hasRefused });
    if (asked.length > 0) return '{"asked":[' + asked.splice(0).join(',') + ']}';
    return stringify({
      body: response.getBody(), requestBody: request.getBody(), log: log, hasRefused: hasRefused
    });
  }
};
`;
}

/**
 * The second form of reading in scripts: `__.filter(f)`, `__.chain().filter(f).map(g).value(callback)`.
 * It is carried out in the sandbox, on pages of items: the functions are the script's own. See
 * guest-prelude.ts for what surrounds it.
 */
export const GUEST_CHAIN = `
var STEPS = {
  filter: function (rows, predicate) { return rows.filter(function (row) { return predicate(row); }); },
  map: function (rows, project) { return rows.map(function (row) { return project(row); }); },
  pluck: function (rows, name) {
    return rows.filter(function (row) { return row !== null && row[name] !== undefined; })
      .map(function (row) { return row[name]; });
  },
  flatten: function (rows, isShallow) {
    function flat(list) {
      return list.reduce(function (all, each) {
        return all.concat(Array.isArray(each) && isShallow !== true ? flat(each) : each);
      }, []);
    }
    return rows.reduce(function (all, row) {
      return all.concat(Array.isArray(row) ? (isShallow === true ? row : flat(row)) : [row]);
    }, []);
  },
  unwind: function (rows, inner, project) {
    var result = [];
    rows.forEach(function (row) {
      var list = typeof inner === 'function' ? inner(row) : row[inner];
      if (!Array.isArray(list)) return;
      list.forEach(function (each) { result.push(project ? project(row, each) : [row, each]); });
    });
    return result;
  },
  sortBy: function (rows, key) { return sorted(rows, key, 1); },
  sortByDescending: function (rows, key) { return sorted(rows, key, -1); }
};

function sorted(rows, key, sign) {
  return rows.map(function (row, place) { return { row: row, key: key(row), place: place }; })
    .sort(function (a, b) {
      if (a.key < b.key) return -sign;
      if (a.key > b.key) return sign;
      return a.place - b.place;
    })
    .map(function (each) { return each.row; });
}

function runChain(steps, options, callback) {
  if (typeof options === 'function') { callback = options; options = undefined; }
  options = options || {};
  var needsAll = steps.some(function (step) { return step.name.indexOf('sortBy') === 0; });
  var rows = [];
  function page(continuation) {
    var pageOptions = { pageSize: options.pageSize, continuation: continuation };
    return collection.readDocuments(collection.getSelfLink(), pageOptions, function (error, feed, info) {
      if (error) { if (callback) return callback(error, undefined, {}); throw error; }
      rows = rows.concat(feed);
      // An order over all of them needs all of them.
      if (needsAll && info.continuation) {
        if (!page(info.continuation)) throw Error('The items to sort are too many for one run.');
        return undefined;
      }
      var result = steps.reduce(function (list, step) {
        return STEPS[step.name].apply(undefined, [list].concat(step.values));
      }, rows);
      return callback && callback(undefined, result, { continuation: info.continuation });
    });
  }
  return { isAccepted: page(options.continuation) };
}

function chain(steps) {
  var face = {
    value: function (options, callback) { return runChain(steps, options, callback); }
  };
  Object.keys(STEPS).forEach(function (name) {
    face[name] = function () {
      return chain(steps.concat([{ name: name, values: Array.prototype.slice.call(arguments) }]));
    };
  });
  return face;
}

collection.chain = function () { return chain([]); };
// How many arguments a step takes when it stands alone, before options and callback.
[['filter', 1], ['map', 1], ['pluck', 1], ['flatten', 0], ['unwind', 2], ['sortBy', 1],
  ['sortByDescending', 1]].forEach(function (each) {
  collection[each[0]] = function () {
    var values = Array.prototype.slice.call(arguments, 0, each[1]);
    if (each[0] === 'flatten' && typeof arguments[0] === 'boolean') values = [arguments[0]];
    var rest = Array.prototype.slice.call(arguments, values.length);
    return runChain([{ name: each[0], values: values }], rest[0], rest[1]);
  };
});
`;

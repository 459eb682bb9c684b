// What Yoast's analysis says about texts: [{language, locale, html, title, title_width, …}] in, [{check: rating}] out.
const { Paper, assessors, interpreters } = require("yoastseo");

// It tells of names that it will drop one day; what counts stands in the answer.
console.warn = () => {};
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const judged = given.map((text) => {
  const { default: Researcher } = require(`yoastseo/build/languageProcessing/languages/${text.language}/Researcher`);
  const paper = new Paper(text.html, {
    keyword: text.keyphrase,
    title: text.title,
    titleWidth: text.title_width,
    slug: text.slug,
    description: text.meta_description,
    permalink: text.permalink,
    locale: text.locale,
  });
  const ratings = {};
  for (const name of ["SEOAssessor", "ContentAssessor"]) {
    const assessor = new assessors[name](new Researcher(paper));
    assessor.assess(paper);
    for (const result of assessor.getValidResults()) {
      ratings[result.getIdentifier()] = interpreters.scoreToRating(result.getScore());
    }
  }
  return ratings;
});
process.stdout.write(JSON.stringify(judged));

// Wide tables scroll by themselves: this makes them reachable by the keyboard. The search gets a name.
document$.subscribe(() => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  const reach = () => {
    for (const each of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code")) {
      if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
    }
  };
  reach();
  new ResizeObserver(reach).observe(document.body);
});

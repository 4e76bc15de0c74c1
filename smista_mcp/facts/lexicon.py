"""What the built-in classifier knows of words: data only, read by `smista_mcp.facts.intent`.

Every entry is written by hand from how people put requests to a coding agent; none of it is learnt from a data set.
A weight is how likely the intent is, 0 to 1, where the word stands in the position its table speaks of and nothing
speaks against it. Words are compared case-blind and without accents (``résume``, ``resume``, ``RESUME``), which is
why a French or Spanish word that is also an English one is only listed together with the word that follows it.
"""

from __future__ import annotations

from typing import Final

OPENERS: Final = """
please | kindly | pls | plz | hey | hi | hello | ok | okay | so | now | then | also | and | but | just | next
first | finally
can you | could you | would you | will you | can u | can we | could we | i want you to | i need you to
i want to | i need to
i would like you to | i would like to | i'd like you to | i'd like to | i'd love you to | we need to | we should
we want to
you should | you need to | you must | your task is to | your job is to | let's | lets | let us | go ahead and
help me to
help me | help us | help | try to | make sure to | carefully | quickly | briefly | thoroughly | always | instead
bitte | mal | kannst du | konntest du | kannst du bitte | konnten sie | konnen sie | ich mochte dass du
hilf mir | jetzt
kannst du mir | konntest du mir | wir mussen | du sollst
s'il te plait | s'il vous plait | stp | svp | peux tu | pouvez vous | pourrais tu | pourriez vous | tu peux
merci de
j'aimerais que tu | je voudrais que tu | je veux que tu | il faut | aide moi a | maintenant | veuillez
peux tu me
por favor | puedes | podrias | puede | podria | quiero que | necesito que | ayudame a | ahora | hay que
me puedes
per favore | per piacere | puoi | potresti | vorrei che | aiutami a | adesso | ora | bisogna | mi puoi
dovresti
voce pode | pode | poderia | preciso que | quero que | ajude me a | me ajude a | agora
alsjeblieft | graag | kun je | kunt u | zou je | wil je | nu
пожалуйста | можешь | можете | не мог бы ты | помоги | помоги мне | мне нужно | давай | нужно | надо
"""
"""What stands before an imperative without changing it."""

VERBS: Final[dict[str, dict[float, str]]] = {
    "review": {
        0.93: (
            "review audit critique begutachte begutachten uberprufe uberprufen prufe pruf prufen pruefe"
            " pruefen revisa revisar revise rivedi rivedere revisiona revisionare relis relisez relire revois"
            " beoordeel проверь проверьте отрецензируй ревьюй"
        ),
        0.7: (
            "proofread scrutinize scrutinise kontrolliere kontrolliert verifie verifiez verifier controlla"
            " controllare verifica verificare examina examine analiza controleer nakijken просмотри"
        ),
        0.5: "inspect assess evaluate bewerte bewerten valuta evalua evalue avalie оцени",
    },
    "summarize": {
        0.95: (
            "summarize summarise recap tldr riassumi riassumere riassumilo riassumimi sintetizza resumir"
            " resuma resumeme resumelo resumez zusammenfassen fass fasse vat samenvatten суммируй обобщи"
            " резюмируй подытожь"
        ),
        0.8: "condense sintetiza sintetizar riepiloga synthetise synthetisez",
    },
    "explain": {
        0.93: (
            "explain erklare erklar erklaren erlautere erlautern erklaer erklaere explique expliquez"
            " expliquer explica explicar explicame explique-moi spiega spiegami spiegare expliqueme leg uitleg"
            " объясни объясните поясни разъясни"
        ),
        0.8: "clarify elucidate demystify",
        0.6: "describe beschreibe beschreiben decris decrivez describir descrivi descreva опиши расскажи",
    },
    "translate": {
        0.96: (
            "translate ubersetze ubersetz ubersetzt ubersetzen uebersetze uebersetzen traduis traduisez"
            " traduire traduce traducir traduci traduzca traduceme tradurre traducimi traduza traduzir vertaal"
            " vertalen переведи переведите перевести"
        ),
        0.55: "localize localise lokalisiere",
    },
    "plan": {
        0.85: "plan plane planifie planifiez planifica planifique pianifica planeje спланируй распланируй",
        0.6: "prioritize prioritise brainstorm sequence suddividi decoupe decoupez divide entwirf zerlege",
        0.5: (
            "design architect propose proponi propon proposez propoe outline schlage suggest предложи estimate schatze"
        ),
    },
    "debug": {
        0.95: (
            "debug debugge debuggen debogue deboguer depura depurar troubleshoot diagnose diagnostique"
            " diagnostica diagnosticar отладь продебажь"
        ),
        0.75: "investigate untersuche",
        0.7: (
            "fix behebe beheben repariere repara corrige corrigez corriger correggi correggere risolvi fixe"
            " sistema arregla arreglar solucione conserte repareer исправь почини пофикси"
        ),
        0.55: "resolve reproduce lose resous resuelve",
    },
    "test": {
        0.75: "teste tester testez testea probier протестируй",
        0.7: "test",
    },
    "document": {
        0.9: (
            "document dokumentiere dokumentieren documente documentez documenta documentar documenteer задокументируй"
        ),
    },
    "edit": {
        0.93: (
            "rename refactor implement renombra renomme renommez rinomina renomeie umbenennen benenne"
            " implementiere implementieren implementa implementar implemente implementez implementer"
            " refaktoriere refaktorisiere refactorise refactoriza rifattorizza refatore hernoem implementeer"
            " реализуй переименуй отрефактори внедри"
        ),
        0.85: (
            "remove replace modify inline bump delete move entferne entfernen ersetze ersetzen losche loschen"
            " verschiebe andere andern supprime supprimez supprimer remplace remplacez remplacer deplace"
            " modifie modifiez modifier elimina eliminar reemplaza mueve modificar borra rimuovi sostituisci"
            " sposta modifica cancella remova substitua altere mova verwijder vervang verplaats wijzig удали"
            " замени перемести измени поменяй"
        ),
        0.78: (
            "change rewrite adjust optimize optimise simplify extract disable enable port deprecate append"
            " parametrize vectorize reformat reorder restructure dedupe deduplicate parallelize modernize"
            " extrahiere optimiere vereinfache optimisez extrais optimiza simplifica extrae ottimizza"
            " semplifica estrai otimize extraia aggiorna actualiza atualize aktualisiere mets оптимизируй"
            " упрости извлеки перепиши обнови"
        ),
        0.65: (
            "make wrap split merge introduce expose switch drop support convert upgrade develop patch tidy"
            " hardcode turn handle integrate migrate cache throttle debounce sort pad return ignore skip raise"
            " catch accept allow converti convierte convertis konvertiere wandle migriere migra sostieni"
            " inverti"
        ),
        0.5: (
            "use call print parse validate pass set put order have hook emit keep log avoid stop prefer"
            " restore revert verwende nutze utilise usa gib renvoie devuelve restituisci используй сделай"
            " добейся"
        ),
        0.55: "build code program programmiere programme programma programa",
    },
    "math": {
        0.85: (
            "prove solve integrate differentiate factorize factorise lose beweise demontre demuestra dimostra"
            " resuelve resous риши реши докажи"
        ),
        0.75: (
            "compute calculate derive evaluate berechne calcule calcula calcolare calcola вычисли посчитай рассчитай"
        ),
    },
    "write": {
        0.55: (
            "compose paraphrase reword rephrase formuliere umformulieren reformule reformula riformula"
            " перефразируй сочини"
        ),
        0.4: "polish shorten proofread",
    },
}
"""Verbs that say what they want where they stand as an imperative (or as the infinitive after an opener)."""

MAKERS: Final = """
write add create generate draft prepare produce provide give make update extend improve include show need want
craft expand
complete finish fill come build set start supply do design perform conduct run carry execute rewrite rework
enhance put raise increase cover propose devise sketch
schreibe schreib schreiben erstelle erstell erstellen erganze erganzen fuge hinzufugen generiere generieren
verfasse verfassen
mach mache machen gib entwirf entwickle baue aktualisiere verbessere
ecris ecrivez ecrire ajoute ajoutez ajouter cree creez creer genere generez generer redige redigez rediger
prepare preparez
fais fait faites faire donne donnez complete propose ameliore
escribe escribir escriba anade anadir agrega agregar crea crear genera generar redacta redactar prepara preparar
haz hazme
hacer dame elabora mejora completa actualiza
scrivi scrivere aggiungi aggiungere genera generare redigi prepara fai fammi dammi fare crea creare aggiorna
migliora elabora
escreva escrever adicione adicionar crie criar gere gerar faca fazer elabore prepare redija atualize melhore
schrijf schrijven voeg maak maken genereer geef bereid
напиши напишите написать добавь добавьте создай создайте сделай сгенерируй составь составьте подготовь дай
обнови улучши
"""
"""Verbs that say nothing until their object is known: see `OBJECTS`. Those that are in `VERBS` too keep that meaning
without one."""

BARE_MAKER: Final = ("edit", 0.42)
"""What a maker means whose object no table knows: in a coding agent, most often code."""

OBJECTS: Final[dict[str, dict[float, str]]] = {
    "test": {
        0.92: (
            "test | tests | unittest | unittests | unit test | unit tests | test case | test cases"
            " | testcases | test suite | testfall | testfalle | einheitentests | modultests | regressionstest"
            " | coverage | test coverage | testabdeckung | prueba | pruebas | casos de prueba | testes | teste"
            " | тест | тесты | тестов | couverture | cobertura | copertura | testen | integration test"
            " | integration tests | regression test | regression tests"
        ),
        0.7: "fixture | fixtures | mock | mocks | spec | specs",
    },
    "document": {
        0.92: (
            "docstring | docstrings | readme | documentation | javadoc | jsdoc | tsdoc | api docs | changelog"
            " | release notes | dokumentation | documentacion | documentazione | documentacao | documentatie"
            " | документацию | документация | докстринг | докстринги | runbook | api reference | how to guide"
            " | user guide | contributing guide | man page"
        ),
        0.82: (
            "docs | doc | doku | comments | kommentar | kommentare | commentaires | comentarios | commenti"
            " | комментарии | code comments | inline comments | tutorial | wiki"
        ),
        0.55: "comment | guide | manual | handbuch | anleitung | guida | guia | manuale",
    },
    "plan": {
        0.9: (
            "plan | roadmap | migration plan | project plan | step by step plan | plano | piano | план"
            " | дорожную карту | feuille de route | hoja de ruta | implementation plan | stappenplan"
            " | umsetzungsplan | work breakdown"
        ),
        0.62: (
            "architecture | strategy | strategie | estrategia | strategia | architektur | arquitectura"
            " | architettura | design | proposal | approach | options | steps | milestones | tasks | tareas"
            " | taches | attivita | concept | rfc"
        ),
    },
    "summarize": {
        0.92: (
            "summary | gist | tldr | tl dr | recap | abstract | overview | synopsis | zusammenfassung"
            " | uberblick | resume court | synthese | resumen | riassunto | sintesi | resumo | samenvatting"
            " | резюме | сводку | краткое содержание | key points | resume de | resume du | resume des"
            " | kurzfassung"
        ),
    },
    "review": {
        0.92: (
            "review | code review | codereview | security review | audit | security audit"
            " | revision de codigo | revue de code | revue | revision | revisione | revisao | код ревью | ревью"
            " | critique | feedback | second opinion | security assessment"
        ),
    },
    "explain": {
        0.88: (
            "explanation | erklarung | explication | explicacion | spiegazione | explicacao | объяснение | walkthrough"
        ),
    },
    "translate": {
        0.9: (
            "translation | translations | ubersetzung | traduction | traduccion | traduzione | traducao"
            " | vertaling | перевод"
        ),
    },
    "write": {
        0.9: (
            "email | e mail | mail | letter | blog post | blogpost | article | essay | poem | haiku | story"
            " | tweet | announcement | press release | newsletter | speech | slogan | headline | cover letter"
            " | commit message | commit messages | commit title | conventional commit | conventional commits"
            " | pr description | pull request description | linkedin post | brief | aufsatz | gedicht | artikel"
            " | geschichte | blogbeitrag | commit nachricht | rede | lettre | poeme | histoire"
            " | message de commit | discours | courriel | carta | correo | poema | cuento | articulo | ensayo"
            " | historia | mensaje de commit | discurso | lettera | poesia | racconto | articolo | saggio"
            " | messaggio di commit | mensagem de commit | artigo | письмо | статью | стихотворение | рассказ"
            " | эссе | поздравление | product description | status update | invitation | song | lyrics"
            " | dialogue | user story | job posting | bio | message"
        ),
        0.5: (
            "paragraph | report | sentence | text | post | bericht | rapport | informe | relazione | title"
            " | titre | titulo | titolo"
        ),
    },
    "prompt": {
        0.9: "prompt | prompts | system prompt | systemprompt | prompt template | few shot examples | промпт",
    },
    "skill": {
        0.88: "skill | skills | skill md | agent skill | slash command | slash commands",
    },
    "debug": {
        0.75: "fix | bugfix | hotfix | correctif | root cause | diagnosis | workaround",
    },
    "edit": {
        0.85: (
            "function | functions | method | class | script | code | component | endpoint | program | module"
            " | api | regex | query | schema | parser | validation | pagination | button | page | form | flag"
            " | option | param | parameter | argument | field | column | import | imports | dockerfile"
            " | makefile | migration | middleware | hook | helper | decorator | interface | enum | struct"
            " | handler | route | cli | app | application | website | game | bot | library | package | plugin"
            " | config | configuration | workflow | pipeline | type hints | types | logging | support | feature"
            " | algorithm | sql | html | css | header | alias | variable | subclass | property | attribute"
            " | wrapper | chart | menu | dialog | table | widget | retry | retries | cache | caching | index"
            " | constructor | setter | getter | dropdown | funktion | funktionen | methode | klasse | skript"
            " | komponente | schnittstelle | programm | anwendung | schaltflache | fonction | fonctions | classe"
            " | composant | programme | bouton | parametre | champ | funcion | metodo | clase | codigo"
            " | programa | boton | parametro | campo | aplicacion | funzione | codice | programma | pulsante"
            " | applicazione | funcao | aplicativo | botao | functie | knop | функцию | функция | класс | метод"
            " | скрипт | код | программу | компонент | кнопку | приложение"
        ),
        0.5: ("file | files | line | lines | example | examples | label | section | error handling | message box"),
    },
    "math": {
        0.8: "proof | beweis | preuve | demostracion | dimostrazione | доказательство",
    },
}
"""What is to be made, next to a maker. The one nearest behind the verb counts."""

PHRASES: Final[dict[str, dict[float, str]]] = {
    "translate": {
        0.93: (
            "how do you say | how would you say | how do i say | how could i say | how can i say | how to say"
            " | how do they say | how should i say | wie sagt man | wie heisst * auf | comment dit on"
            " | como se dice | come si dice | como se diz | hoe zeg je | как сказать | как будет"
        ),
        0.8: (
            "into english | into german | into french | into spanish | into italian | into portuguese"
            " | into japanese | into chinese | into russian | into korean | into dutch | ins deutsche"
            " | ins englische | ins franzosische | ins italienische | ins spanische | en anglais | en francais"
            " | en allemand | en espagnol | al ingles | al espanol | al frances | al aleman | in inglese"
            " | in italiano | in tedesco | in francese | para ingles | para o ingles | para portugues"
            " | на английский | на русский | на немецкий | word for * in | what phrase means | what word means"
        ),
    },
    "explain": {
        0.92: (
            "what does this * do | what does the * do | what does it do | what does this do"
            " | what do these * do | how does * work | how do * work | how it works | walk me through"
            " | was macht | was tut | was bedeutet | wie funktioniert | wie funktionieren | que fait | que font"
            " | comment fonctionne | comment fonctionnent | comment marche | a quoi sert | que hace"
            " | como funciona | como funcionan | para que sirve | cosa fa | che cosa fa | come funziona"
            " | come funzionano | a cosa serve | o que faz | wat doet | hoe werkt | что делает | как работает"
            " | how is * different | explain like | what is the difference | what's the difference"
            " | was ist der unterschied | quelle est la difference | cual es la diferencia"
            " | qual e la differenza | qual e a diferenca | в чем разница | what happens when | what happens if"
        ),
        0.8: (
            "what does | what do | what is this | what are these | what is the purpose | what's the purpose"
            " | what's the point | tell me how | tell me why | show me how * works | understand how"
            " | help me understand | how is * used | what happens | why do we | why does the code | why did we"
            " | why do they | difference between | in one sentence what | was passiert | warum brauchen wir"
            " | pourquoi avons nous | por que usamos | perche usiamo | зачем"
        ),
        0.55: (
            "what is | what are | what's | how is | how are | was ist | was sind | qu'est ce que | c'est quoi"
            " | que es | cos'e | che cos'e | o que e | wat is | что такое | why | warum | pourquoi | por que"
            " | perche | почему | wieso | which files | which file | where is | where are | where do | wo ist"
            " | ou est | donde esta | dov'e | где"
        ),
        0.35: "what do you",
        0.42: (
            "how do i | how can i | how should i | how do you | how to | how would i | is there | are there"
            " | wie kann ich | comment puis je | como puedo | come posso | como posso | does it | does the"
            " | how should"
        ),
    },
    "debug": {
        0.92: (
            "why is * failing | why does * fail | why does * crash | why is * broken | why isn't"
            " | why doesn't | why won't | why can't | why aren't | why did * fail | find the bug"
            " | find the cause | find the root cause | root cause of | figure out why | find out why"
            " | track down | what is wrong | what's wrong | what went wrong | trouve la cause | trova la causa"
            " | encuentra la causa | encuentra el error | trouve le bug | finde den fehler | finde die ursache"
            " | finde heraus warum | was ist falsch | что не так | почему не | почему падает"
            " | warum funktioniert * nicht | warum schlagt | pourquoi * ne | por que no | perche non"
            " | por que nao | найди ошибку | find out what causes | trova l'errore | trova il bug"
            " | encuentra el bug | encontre o erro | figure out what's causing"
        ),
        0.75: (
            "not working | doesn't work | does not work | stopped working | no longer works | isn't working"
            " | don't work | funktioniert nicht | geht nicht | ne fonctionne pas | ne marche pas"
            " | ne fonctionne plus | no funciona | non funziona | nao funciona | werkt niet | не работает"
            " | i get an error | i'm getting an error | getting this error | throws an error | gives an error"
            " | getting the following error | fails with | failing with | crashes with | sturzt ab"
            " | schlagt fehl | se bloquea | va in crash | erreur de segmentation | null pointer | race condition"
        ),
        0.7: (
            "fix the bug | fix this bug | fix a bug | fix the error | fix this error | fix the crash | fix the failing"
        ),
    },
    "review": {
        0.9: (
            "look over | look for bugs | check for bugs | check for security | look for security"
            " | any security issues | any vulnerabilities | security issues | security vulnerabilities"
            " | security holes | point out * problems | find vulnerabilities | what do you think of this code"
            " | give me feedback | sicherheitslucken | falles de securite | failles de securite"
            " | vulnerabilidades | falle di sicurezza | vulnerabilita | уязвимости | point out | is * safe"
            " | anything unsafe | anything wrong with | poke holes | is this correct | is this code correct"
            " | is this secure | any problems with | spot any | look at this pr | see any problems"
            " | see any issues | find issues | find problems"
        ),
    },
    "plan": {
        0.88: (
            "before touching any code | before writing any code | before writing code"
            " | before you write any code | no code yet | don't write any code | don't code yet"
            " | without writing code | lay out the steps | come up with a plan | make a plan | break down"
            " | break this down | break it down | what order | in what order | how should we approach"
            " | bevor du code | noch keinen code | avant de coder | avant d'ecrire | pas encore de code"
            " | antes de escribir | antes de programar | sin escribir codigo | prima di scrivere"
            " | senza scrivere codice | antes de codificar | nach schritten | in kleine aufgaben"
            " | en petites taches | en tareas | in attivita | в каком порядке | не пиши код"
        ),
        0.5: (
            "what steps | trade offs | tradeoffs | pros and cons | options and | rollout | high level design"
            " | where are the risks"
        ),
    },
    "summarize": {
        0.93: (
            "sum up | in a nutshell | boil down | tl dr | the gist of | en resume | resume el | resume la"
            " | resume los | resume las | resume este | resume esta | resume lo | resume en | resume le"
            " | resume les | resume ce | resume cet | resume cette | resume o | resume os | hauptpunkte"
            " | key takeaways | main points of | kort samengevat"
        ),
    },
    "test": {
        0.88: (
            "write tests | write unit tests | write a test | add tests | add a test | add unit tests"
            " | test coverage | more tests | cover with tests | cover * with unit tests | tests for"
            " | unit tests for | test for the"
        ),
        0.45: "run the tests | run tests | run all tests | run the test suite",
    },
    "document": {
        0.85: (
            "comment the code | comment this | comment every | comment each | update the docs"
            " | update the doc | update the readme | documentation for | document how"
        ),
    },
    "math": {
        0.88: (
            "the equation | derivative of | integral of | the probability | square root | prime factors"
            " | standard deviation | solve for | l'equation | la ecuacion | l'equazione | die gleichung"
            " | die ableitung | уравнение | производную | greatest common divisor of | how many ways"
            " | the limit of | eigenvalues of"
        ),
    },
    "prompt": {
        0.9: (
            "improve this prompt | improve the prompt | improve my prompt | rewrite this prompt"
            " | system prompt for | prompt for"
        ),
    },
    "skill": {
        0.9: "skill that | a skill for | new skill",
    },
    "write": {
        0.9: (
            "commit message | commit title | conventional commit | conventional commits"
            " | conventional commit title | message de commit | mensaje de commit | messaggio di commit"
            " | mensagem de commit | blog post | cover letter"
        ),
    },
    "edit": {
        0.8: (
            "get rid of | clean up | refactor the | rename the | should return | should take | should be"
            " | should also | should only | should override | should not | move it to | so that it | change * to"
            " | instead of"
        ),
    },
    "chat": {
        0.93: (
            "thank you | thanks | thx | how are you | how's it going | good morning | good evening"
            " | good night | good day | good bye | goodbye | farewell | who are you | what's your name"
            " | what is your name | are you a | are you real | are you human | tell me a joke"
            " | tell me a * story | tell me a story | tell me something | nice to meet you | appreciate the help"
            " | what's up | whats up | your favorite | your favourite | meaning of life | see you later"
            " | have a nice day | the weather | guten morgen | guten tag | guten abend | vielen dank | danke"
            " | wie geht | bonjour | bonsoir | salut | ca va | merci beaucoup | merci | au revoir | hola"
            " | buenos dias | buenas tardes | que tal | gracias | como estas | muchas gracias | ciao"
            " | buongiorno | buonasera | come stai | grazie | ola | bom dia | obrigado | obrigada | tudo bem"
            " | hallo | dank je | bedankt | goedemorgen | привет | здравствуй | здравствуйте | спасибо"
            " | как дела | joke | do you have hobbies | hobbies do you have | tell me about yourself"
            " | can you hear me | recipe | erzahl mir einen witz | raconte moi une blague | cuentame un chiste"
            " | raccontami una barzelletta | conte uma piada | расскажи анекдот"
        ),
    },
}
"""Runs of words that speak for themselves wherever a clause has them; ``*`` stands for one to six words."""

HEAD_ONLY: Final = """
are there | c'est quoi | ca va | ciao | cosa fa | danke | difference between | does it | does the | dov'e
farewell | good bye | goodbye | gracias | grazie | hallo | hola | how are | how are you | how can i
how do i | how do you | how is | how should | how should i | how to | how would i | instead of | is there
joke | merci | ola | ou est | perche | plan | por que | pourquoi | prompt for | que es | que fait
que hace | que tal | recipe | resume en | resume la | resume lo | resume o | resume os | salut | should be
tests for | thank you | thanks | thx | warum | was ist | was sind | wat is | what are | what do
what does | what happens | what is | what's | why | wieso | где | зачем | почему | привет | спасибо
что такое
"""
"""Those phrases that only count where a clause begins with them (after any opener)."""

TROUBLE: Final[dict[float, str]] = {
    0.55: ("traceback segfault stacktrace nullpointerexception segmentation deadlock absturz plantage"),
    0.42: (
        "crash crashes crashed crashing fails failing failed exception exceptions broken breaks hangs"
        " undefined regression errors error leaks absturzt sturzt fehlgeschlagen fehlermeldung plante echoue"
        " erreur fallo falla fallisce errore crasha falha erro fout ошибка падает ошибку вылетает incorrectly"
        " incorrect unexpected unexpectedly raises timeout mistakenly misleading corrupted flaky"
    ),
    0.25: (
        "wrong bug bugs fault issue issues problem problems problema probleme fehler warning unable cannot"
        " missing nan weird"
    ),
}
"""Words of somebody who reports that something goes wrong. Counted only where nobody says what to do about it."""

CODE_LANGUAGES: Final = """
bash c clojure cobol cpp csharp css csv cython dart elixir erlang fortran go golang haskell html java
javascript json julia kotlin lua markdown matlab ocaml perl php python r react ruby rust scala sql svelte
swift tailwind toml typescript vue xml yaml zig
"""
"""Translating *into* one of these is programming."""

CJK: Final[dict[str, dict[float, str]]] = {
    "translate": {
        0.95: "翻译 翻訳 번역 翻譯 怎么说 怎麼說 なんと言 何と言 뭐라고_말",
        0.6: "译成 译为 訳して",
    },
    "summarize": {
        0.93: "总结 摘要 概括 概述 归纳 總結 要約 まとめて 요약 정리해",
        0.6: "一句话 简述",
    },
    "explain": {
        0.92: (
            "解释 解釋 讲解 说明一下 什么意思 是做什么 做什么的 如何工作 怎么工作 説明して 解説 どういう意味"
            " 何をして 설명해 무슨_뜻 어떻게_작동"
        ),
        0.55: "为什么 為什麼 なぜ 왜 区别 是什么 違い 차이 とは何",
        0.45: "说明 如何 怎么 どうやって 어떻게",
    },
    "review": {
        0.93: "评审 审查 代码审核 審查 コードレビュー レビューして 코드_리뷰 리뷰해 검토해",
        0.85: "审核 安全漏洞 脆弱性 취약점 有没有漏洞 挑毛病",
        0.55: "检查 確認して 점검 看看",
    },
    "test": {
        0.93: (
            "单元测试 回归测试 测试用例 编写测试 写测试 添加测试 テストを書 テストを追加 テストを作"
            " 単体テスト テストコード 테스트를_작성 테스트_코드 단위_테스트 테스트를_추가 테스트를_만들"
            " 为这个函数写测试 单测"
        ),
        0.5: "测试 テスト 테스트",
    },
    "document": {
        0.92: (
            "文档字符串 注释 编写文档 说明文档 使用说明 安装说明 ドキュメントを書 ドキュメントを作"
            " ドキュメント化 コメントを追加 コメントを書 문서화 문서를_작성 주석 docstring"
        ),
        0.8: "readme",
        0.45: "文档 ドキュメント 문서",
    },
    "write": {
        0.92: (
            "提交信息 提交说明 提交消息 commits commit コミットメッセージ 커밋_메시지 写一篇 写一封 写一首"
            " 写一个故事 文章を書 メールを書 手紙 詩を 이메일을 편지 글을_써 시를_써 广告语 演讲稿"
        ),
        0.4: "邮件 文章 故事 诗歌 ブログ 블로그",
    },
    "plan": {
        0.9: (
            "先不要写代码 先别写代码 不要写代码 制定计划 迁移计划 实施计划 路线图 拆分成 分解成 計画を"
            " ロードマップ 計画して コードはまだ 계획을 로드맵 단계로_나눠"
        ),
        0.62: "计划 规划 方案 步骤 設計 설계",
    },
    "debug": {
        0.92: (
            "找出原因 排查 调试 修复 报错 崩溃 找出错误 编程错误 空指针 バグを 直して エラーが 落ちる"
            " クラッシュ 動かない 動きません 原因を 오류가 에러가 버그를 고쳐 디버그 크래시 작동하지 안_돼"
        ),
        0.7: "失败 异常 错误 bug エラー 失敗 バグ 오류 에러 실패 不工作 無法",
    },
    "edit": {
        0.92: (
            "重命名 重构 实现 编写一个函数 写一个函数 编写一段 写一段代码 写一个程序 生成代码 リファクタ 実装"
            " 名前を変更 リネーム 리팩터 리팩토 구현 이름을_바꿔 이름을_변경"
        ),
        0.72: (
            "修改 替换 删除 优化 移动 改成 改为 追加して 変更して 削除して 置き換え 추가해 변경해 삭제해 바꿔"
            " 코드를_작성"
        ),
        0.4: "函数 代码 程序 関数 コード 함수 코드",
        0.5: "编写 添加 修正して 作成して 作って 만들어 작성해",
    },
    "math": {
        0.88: "求解 证明 解方程 方程 微分 積分 计算 計算して 証明 방정식 계산해 증명",
    },
    "prompt": {
        0.93: "提示词 プロンプトを 프롬프트를",
    },
    "skill": {
        0.85: "技能 スキルを 스킬을",
    },
    "chat": {
        0.93: (
            "你好 您好 谢谢 早上好 晚上好 再见 讲个笑话 こんにちは こんばんは おはよう ありがとう 안녕"
            " 감사합니다 고마워 你是谁 最近怎么样"
        ),
    },
}
"""Chinese, Japanese and Korean are not cut into words: these are looked for as they stand, the longest first; ``_``
is a space."""

SLIPS: Final = """
typo typos indentation formatting lint style spelling grammar whitespace tippfehler rechtschreibung faute
fautes ortografia erratas refuso refusi опечатку опечатки
"""
"""What can be fixed without any debugging."""

RELATIVES: Final = """
for to that which of in on with from using about how so und fur zu die der das mit aus pour de du qui que avec
para con che per di della del dla voor van met для с который and
"""
"""Words that end what a maker's object is called."""

BECAUSE: Final = """
so because then weil porque parce perche потому
"""
"""Words behind which no object is looked for."""

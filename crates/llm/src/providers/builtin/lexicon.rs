//! The word lists. Entries are folded, separated by commas; `*` ends an entry that also matches longer words.

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::words::CLAUSE_END;

/// What a post can be about; the order decides between equal scores, the particular before the general.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    Resiliation,
    Livraison,
    Mail,
    Facturation,
    Debit,
    Tv,
    Mobile,
    ServiceClient,
    Promotion,
    Panne,
    Fibre,
}

/// How many topics there are.
pub const TOPIC_COUNT: usize = Topic::ALL.len();

impl Topic {
    /// Every topic, in order.
    pub const ALL: [Self; 11] = [
        Self::Resiliation,
        Self::Livraison,
        Self::Mail,
        Self::Facturation,
        Self::Debit,
        Self::Tv,
        Self::Mobile,
        Self::ServiceClient,
        Self::Promotion,
        Self::Panne,
        Self::Fibre,
    ];

    /// Finds a topic by its folded name in French or English.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "resiliation" | "cancellation" | "churn" => Self::Resiliation,
            "livraison" | "delivery" | "shipping" => Self::Livraison,
            "mail" | "mails" | "email" | "e mail" | "courriel" => Self::Mail,
            "facturation" | "facture" | "billing" | "invoice" => Self::Facturation,
            "debit" | "vitesse" | "speed" => Self::Debit,
            "tv" | "television" => Self::Tv,
            "mobile" => Self::Mobile,
            "service client" | "service clients" | "customer service" | "support" | "assistance" => Self::ServiceClient,
            "promotion" | "promotions" | "promo" | "offer" | "offers" => Self::Promotion,
            "panne" | "pannes" | "outage" | "outages" | "incident" => Self::Panne,
            "fibre" | "fiber" | "installation" => Self::Fibre,
            _ => return None,
        })
    }
}

/// What a word does beside its mood and topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mark {
    /// Turns what follows or precedes into its contrary.
    Not,
    /// Says that something is not there.
    Lacks,
    /// `ne` and `n'`: alone it says nothing, with `plus` it is a negation.
    Ne,
    /// `plus`: more, or no more.
    Plus,
    /// Makes the next word stronger.
    Very,
    /// Makes the next word weaker.
    Little,
    /// What a customer pays for and notices the lack of.
    Service,
    /// A verb that says a thing does its work.
    Works,
    /// What comes before counts less.
    But,
    /// Service is down.
    Outage,
    /// Cannot wait.
    Urgent,
    /// Courts, mediators, lawyers.
    Legal,
    /// The customer leaves or threatens to.
    Leave,
    /// The matter is settled.
    Resolved,
    /// A question or a request for help.
    Asks,
    /// The company speaks.
    Agent,
    /// A length of time follows.
    Since,
    /// After a unit of time: `un mois que`, `three days without`.
    ThatLong,
    /// A customer's standing, whose length is no complaint.
    Standing,
}

/// What a match of an entry means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Mood in tenths; a negation before it turns it.
    Mood(i32),
    /// Mood of a verb; a negation right after it turns it too.
    Verb(i32),
    /// Polite praise, worth little beside bad news.
    Praise(i32),
    /// Points for a topic.
    Topic(Topic, u32),
    /// Something else.
    Mark(Mark),
}

#[derive(Debug)]
struct Entry {
    first: Pattern,
    rest: Vec<Pattern>,
    effect: Effect,
}

#[derive(Debug, Clone, Copy)]
struct Pattern {
    word: &'static str,
    open: bool,
}

/// A place where an entry matches.
#[derive(Debug, Clone, Copy)]
pub struct Match {
    /// How many tokens it takes.
    pub tokens: usize,
    /// How many letters of the text the entry spells out.
    pub letters: usize,
    pub effect: Effect,
}

/// Every entry, by its first word.
#[derive(Debug, Default)]
pub struct Lexicon {
    by_first: HashMap<&'static str, Vec<Entry>>,
    longest: usize,
}

/// The lists below, read once.
pub static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut lexicon = Lexicon::default();
    for (effect, entries) in LISTS {
        lexicon.add(*effect, entries);
    }
    lexicon
});

impl Lexicon {
    fn add(&mut self, effect: Effect, entries: &'static str) {
        for entry in entries.split(',') {
            let mut patterns = entry.split_whitespace().map(Pattern::new);
            if let Some(first) = patterns.next() {
                self.longest = self.longest.max(first.word.len());
                let entry = Entry { first, rest: patterns.collect(), effect };
                self.by_first.entry(first.word).or_default().push(entry);
            }
        }
    }

    /// Calls `found` for every entry that matches at the beginning of `tokens`.
    pub fn matches_at(&self, tokens: &[&str], mut found: impl FnMut(Match)) {
        let Some((first, rest)) = tokens.split_first() else { return };
        for end in 1..=first.len().min(self.longest) {
            let Some(entries) = first.get(..end).and_then(|start| self.by_first.get(start)) else { continue };
            for entry in entries.iter().filter(|entry| entry.first.open || end == first.len()) {
                let fits = rest.len() >= entry.rest.len()
                    && entry.rest.iter().zip(rest).all(|(pattern, token)| pattern.fits(token));
                if fits {
                    let letters = end + entry.rest.iter().map(|pattern| pattern.word.len()).sum::<usize>();
                    found(Match { tokens: 1 + entry.rest.len(), letters, effect: entry.effect });
                }
            }
        }
    }
}

impl Pattern {
    fn new(entry: &'static str) -> Self {
        match entry.strip_suffix('*') {
            Some(word) => Self { word, open: true },
            None => Self { word: entry, open: false },
        }
    }

    fn fits(self, token: &str) -> bool {
        if self.open { token != CLAUSE_END && token.starts_with(self.word) } else { token == self.word }
    }
}

const LISTS: &[(Effect, &str)] = &[
    // Moods.
    (
        Effect::Mood(30),
        "merveilleu*, exceptionnel*, impeccable*, nickel, top, amazing*, outstanding, superbe*, chapeau, \
         felicitation*, bluffant*, rien redire, best, delighted, thrilled, five stars, 5 etoiles, meilleur*, \
         flawless*, superb*",
    ),
    // What is said in earnest as often as not: worth little beside bad news.
    (
        Effect::Praise(30),
        "great, genial*, parfait*, perfect*, awesome, brilliant*, wonderful*, fantasti*, excellent*, magnifique*, \
         formidable*",
    ),
    (Effect::Verb(25), "adore*, love, loving, recommande, recommand, recommend, kiffe*"),
    (Effect::Verb(15), "aime*, apprecie*, enjoy*, conseille, merite*, deserve*, regale*"),
    (
        Effect::Praise(20),
        "merci*, merci encore, thank* again, bravo, super, thank*, thx, kudos, well done, good job, nice job, \
         congrat*, bien joue, cool",
    ),
    (
        Effect::Mood(20),
        "content, contente, contents, contentes, satisfait*, satisfaction, satisf*, heureu*, happy, glad, pleased, \
         ravi, ravie, ravis, efficace*, efficient, reactif*, reactiv*, sympa*, agreable*, aimable*, helpful, \
         friendly, professionnel*, professional, fiable*, reliable, impressionn*, impress*, aucun probleme*, \
         aucun souci*, zero probleme*, zero souci*, sans souci*, sans probleme*, no issue*, no problem*, \
         zero issue*, bonne nouvelle*, good news, fier*, agreablement, chaleureu*, ecoute, soulag*, relieved, \
         as promised, comme promis, vaut coup, worth, joie",
    ),
    (Effect::Mood(15), "pas mal, not bad, n't bad, pas decu*, pas plaind*, rien dire, tient promesse*, tient route"),
    (
        Effect::Mood(10),
        "bien, bon, bonne, mieux, good, nice, better, stable, rapide, rapides, fast, faster, quick, smooth*, \
         joli*, beau, belle, beautiful, interessant*, offert*, cadeau*, resolu, resolue, resolus, repare*, \
         retabli*, fixed, solved, resolved, fluide*, facile*, easy, simple, clair, polite, poli, gentil*, kind, \
         innov*, plaisir, pleasure, enjoy, fun, hourra, yes, youpi, yay, remarche*, refonctionne*",
    ),
    // Manners and set phrases that only look like praise.
    (
        Effect::Mood(0),
        "envoye* recommande, courrier recommande, recommande accuse, recommande avec, merci avance, \
         merci par avance, merci repond*, merci retour, merci faire, merci regler, merci corriger, \
         merci confirmer, merci aide, merci patience, thanks advance, thank advance, bonne journee, bonne soiree, \
         bon courage, bon week, bon dimanche, bonne nuit, bonne annee, bonne reception, good morning, \
         good evening, good afternoon, good night, good luck, bien cordialement, bien recu, bien sur, ou bien, \
         combien, si bien, eh bien, bon alors, super match, mieux avant, bien entendu, non merci, sounds like, \
         looks like, look like, feels like, feel like, faut mieux, simple question, erreur part, kind regards, \
         sans repondre, thanks looking, well as, best regards, bien compris, coupe monde, coupe france, \
         coupe europe, aimerai*, would like, aimerions, probleme resolu, probleme regle, problem solved, \
         issue fixed, issue resolved, panne terminee, incident clos, sans interruption, pas honte, sans attend*, \
         sans attente",
    ),
    (
        Effect::Mood(-30),
        "honteu*, honte, scandal*, inadmissible*, inacceptable*, catastroph*, lamentable*, deplorable*, minable*, \
         arnaq*, escroc*, escroqu*, voleur*, merd*, putain*, ptn, bordel, ras bol, marre, degout*, pire, pires, \
         pourri*, nullissime*, horreur*, horrible*, insupportable*, deteste*, incompeten*, foutage, foutent, fout, \
         foutu*, moque*, moquez, mensonge*, menteur*, mentent, fuyez, fuir, shit*, crap*, worst, terrible*, \
         terribly, awful*, disgust*, disgrac*, scam*, rip off, ripoff, ripped, useless, pathetic*, unacceptable*, \
         hate, hates, furious*, fed up, furieu*, enerv*, colere, rage, enrage*, desastr*, disast*, calamit*, \
         intolerable*, aberrant*, n importe quoi, importe quoi, chiant*, chier, gonfle*, saoul*, soule*, relou*, \
         agac*, connard*, ridicul*, absurd*, ignoble*, abject*, vergogne, indigne*, indecen*, infect*, appalling*, \
         shambles, shameful, shame, ashamed, nightmare, cauchemar*, honteuse*, rubbish, garbage, trash, wtf, \
         bullshit, fuck*, pigeon*, blague, mauvaise foi, trop est trop, excede*, epuis*, hallucin*, sick, joke, \
         incapable*, naze*, daube*, zero pointe, 0 pointe, jamais vu, foutre, revolt*, atroc*, appalled, livid, \
         angry, lamentabl*",
    ),
    (
        Effect::Mood(-25),
        "enough is enough, est assez, suffit, injouable*, irregardable*, unplayable, unwatchable, inutilisable*, \
         unusable, nul, nulle, nulles, nuls, decu, decue, decus, decues, decev*, deception*, mecontent*, \
         insatisf*, mauvais*, galere*, penible*, decourag*, surfactur*, overcharg*, abusif*, abusive*, abus, \
         disappoint*, annoy*, frustrat*, frustr*, unhappy, dissatisf*, poor, poorly, bad, badly, toujours rien, \
         toujours pas, toujours aucun*, still no, still not, still nothing, still waiting, no answer, no reply, \
         no response, nobody answer*, no one answer*, n't answer*, n't reply, sans nouvelle*, sans reponse*, \
         aucune reponse, aucune nouvelle*, aucun retour, pas reponse, pas nouvelle*, plus nouvelle*, \
         personne repond, personne ne repond, ne repond*, repond pas, repondez pas, repondent pas, repond jamais, \
         jamais repond*, servent rien, sert rien, bouge pas, rien bouge, rien ne, rien change*, broken promise*, \
         lied, lies, liar*, double factur*, charged twice, billed twice, prelevements abusifs, indu, indue, \
         indument, inutile*, desagreable*, impoli*, rude, injust*, anormal*, payer pour rien, pay for nothing, \
         pour rien, jour conge, unreliable, ne vient*, venu pas, jamais venu*, never came, never showed, no show, \
         n't show up, pas presente*, pas venu*, lapin",
    ),
    (
        Effect::Mood(-15),
        "avocat*, tribunal*, mediateur*, huissier*, mise demeure, lawyer*, ombudsman, manque*, personne n, \
         never arriv*, never rang, never call*, never receiv*, never got, jamais recu, jamais arriv*, \
         jamais rappel*, offline, coupes, coupee*, tombe panne, est tombe, spam*, probleme*, problem*, pb, pbs, \
         souci, soucis, panne*, coupure*, bug, bugs, bugu*, bugg*, beug*, incident*, erreur*, error*, lent, lente, \
         lents, lentes, lenteur*, instab*, unstable, bloqu*, plante, plantent, plantage*, plantee, freez*, rame, \
         rament, ramer, saccad*, coupe, coupent, plainte*, reclamation*, mal, impossible*, injoignable*, \
         unreachable, retard*, annul*, perdu*, perte*, defaillan*, defectueu*, hs, ko, echec*, echou*, refus*, \
         trop cher*, cher pour, slow*, outage*, broken, fail*, issue*, late, delay*, lost, wrong, missing, \
         disparu*, stuck, drops, dropping, dropped, disconnect*, deconnect*, buffering, lag, lags, lagging, \
         complain*, unable, cannot, cant, n't work*, n't load*, pixelis*, ecran noir, black screen, frozen, fige*, \
         casse, cassee, abime*, damaged, broke, interruption*, perturb*, rupture*, hors service, down, anomalie*, \
         dysfonction*, penali*, litige*, dispute*, scandale, attends toujours, attend toujours, plus acces, \
         pas acces, no access, n't access, sans acces, raccroch*, hung up, hang up, interminable*, abandonn*, \
         erron*, fraud*, usurp*, phishing, malgre, reporte, reportee, repousse*, oublie*, forgot*, ignored, \
         ignore, ignorez, ignorent, no signal, aucun signal, pas signal, augmentation*, waste*, wasted, perds, \
         perdre, pertes, relance*",
    ),
    (
        Effect::Mood(-10),
        "cancelling, canceling, switching, concurrence, keeps, attente*, attend*, attends, waiting, waited, cher, \
         chers, chere, cheres, expensive, rien, complique*, difficil*, dommage, triste*, sad, sadly, helas, \
         malheureusement, unfortunately, bizarre, weird, inquiet*, worried, resili*, quitter, hausse, faible*, \
         weak, floue*, flou, hung, hold, impatien*, serieusement, seriously, encore fois, yet again, again, \
         cancelled, canceled, obliged, oblige*, forced, contraint*, tant pis, bof, moyen, moyenne, mediocre*, \
         meh",
    ),
    // Grammar.
    (
        Effect::Mark(Mark::Not),
        "pas, jamais, aucun, aucune, sans, no, not, n't, never, without, ni, nor, neither, isnt, doesnt, didnt, \
         wont, cant, guere, nothing, none, zero, hardly, impossible",
    ),
    (Effect::Mark(Mark::Lacks), "pas, plus, aucun, aucune, sans, no, n't, without, zero"),
    (Effect::Mark(Mark::Ne), "ne, n"),
    (Effect::Mark(Mark::Plus), "plus, anymore"),
    (
        Effect::Mark(Mark::Very),
        "tres, trop, vraiment, tellement, totalement, completement, absolument, hyper, ultra, extremement, very, \
         really, so, too, totally, completely, absolutely, extremely, carrement, clairement, vachement, grave, \
         bien trop, such",
    ),
    (Effect::Mark(Mark::Little), "peu, presque, assez, plutot, quite, rather, slightly, bit, somewhat, kinda"),
    (Effect::Mark(Mark::But), "mais, but, cependant, however, pourtant, though, sauf, except"),
    (
        Effect::Mark(Mark::Service),
        "internet, reseau, connexion*, connection*, tv, tele, television, chaine*, channel*, mail, mails, email*, \
         fibre, fiber, wifi, ligne, line, telephone, signal, service, network, phone, broadband, 4g, 5g, 3g, sms, \
         adsl, webmail, messagerie, acces, access, tonalite, synchro*",
    ),
    (
        Effect::Mark(Mark::Works),
        "marche, marchent, marchait, marcher, fonctionn*, work, works, working, worked, charge pas, capte, \
         captent, capter, connecte, connectent, connecter, connect, demarre*, allume*, affiche*, load, loads, \
         loading, passe pas, passent pas, synchronis*, repart, repond pas, disponible*, available, accessible*",
    ),
    (Effect::Mark(Mark::Since), "depuis, since, for, fait, pendant, voila, bientot, apres, after, over, past, last"),
    (Effect::Mark(Mark::ThatLong), "que, sans, without, now"),
    (
        Effect::Mark(Mark::Standing),
        "client depuis, cliente depuis, clients depuis, abonne depuis, abonnee depuis, abonnes depuis, \
         customer for, customer since, fidele depuis, fideles depuis, loyal",
    ),
    (
        Effect::Mark(Mark::Outage),
        "offline, tous coupe*, reseau est tombe, internet est tombe, reseau tombe, tombe panne, panne, pannes, \
         outage*, coupure*, incident*, interruption*, rupture*, blackout*, hors service, bloque etape, \
         bloquee etape, bloques etape, etape 1, etape 2, etape 3, etape 4, etape 5, etape 6, coupe internet, \
         coupe depuis, is down, are down, down again, still down, went down, gone down, down since, \
         completely down, down for, down in, hs, ko, plus rien, rien marche, rien ne marche, rien ne fonctionne, \
         nothing works, nothing working, everything down, no service, totalement coupe*, synchro*, reseau mort, \
         internet mort, ligne morte, ligne coupee, line dead, dead line, line is dead",
    ),
    (
        Effect::Mark(Mark::Urgent),
        "urgent*, urgence*, urgemment, asap, emergency, secours, sos, immediatement, immediately, right now, \
         plus vite possible, plus rapidement possible, teletravail*, work from home, working from home, \
         home office, medical*, personne agee, handicap*, teleassistance, alarme*, hospital*, securite, \
         usurpation, pirat*, hacked, fraud*, inadmissible depuis, 112",
    ),
    (
        Effect::Mark(Mark::Legal),
        "tribunal*, avocat*, justice, huissier*, porter plainte, porte plainte, depot plainte, depose plainte, \
         ufc, que choisir, mediateur*, mediation, dgccrf, 60 millions, signalconso, signal conso, lawyer*, court, \
         sue, suing, legal action, lawsuit, solicitor*, ombudsman*, mise demeure, lettre recommandee, \
         recommande avec, recommande accuse, trading standards, small claims, regulator, cnil, police, \
         gendarmerie",
    ),
    (
        Effect::Mark(Mark::Leave),
        "resili*, quitter, quitte*, fuir, fuyez, fuyons, partir, pars, barre chez, casse chez, concurren*, \
         cancel contract, cancel everything, cancelling, canceling, cancel, switching, switch provider*, \
         switch operator*, switching provider*, leaving, changer operateur, change operateur, changer fournisseur, \
         change fournisseur, voir ailleurs, aller ailleurs, terminate*, autre operateur, another provider, \
         other provider, another operator, competitor*, moving provider, adieu, bye bye, goodbye, desabonn*, \
         retractation",
    ),
    (
        Effect::Mark(Mark::Resolved),
        "retabli, retablie, retablis, retablies, resolu, resolue, resolus, repare, reparee, reparees, regle, \
         reglee, fixed, resolved, solved, restored, est retour, sont retour, remarche*, refonctionn*, back up, \
         is back, are back, back online, back normal, est bon, rentre ordre, rentre dans, fonctionne nouveau, \
         marche nouveau, working again, works again, fonctionne parfait*, marche parfait*, fonctionne tres bien, \
         works perfect*, works great, working great, works fine, working fine, revenu*, enfin raccord*",
    ),
    (
        Effect::Mark(Mark::Asks),
        "idem, pareil, pareille, meme chose, moi aussi, same here, same issue, pourquoi, comment, pouvez, \
         pourriez, pourrais, peut etre possible, est possible, quelqu, savez, est normal, sait, how, when will, \
         when is, why, what is, could, can someone, anyone, any idea, any news, help, please help, aidez, aide, \
         besoin, need, question*, combien, quand, ou est, quel delai, quels delais, plus infos, svp, stp, please, \
         is possible, do know, cherche, renseignement*, wondering",
    ),
    (
        Effect::Mark(Mark::Agent),
        "engendre, ont signale, service disruption, perturbations service, retrouvez moi, sommes desole*, \
         contactez, tenons informe*, tiendrons informe*, tiens informe*, equipe est place, equipe sur place, \
         equipes sont, equipes mobilis*, equipes interviennent, equipes travaillent, teams are, team is working, \
         patience, re sorry, sorry hear, sorry for inconvenience, please dm, please send dm, send us, envoyez mp, \
         envoyez dm, envoyez message, message prive afin, via dm, is no longer available, n est plus disponible, \
         excuses gene, toutes excuses, restons disposition, reste disposition, keep posted, ll keep, \
         apologise for, apologize for, canaux, ecrivez",
    ),
    // Topics.
    (
        Effect::Topic(Topic::Panne, 4),
        "offline, plus reseau, pas reseau, no network, sans reseau, aucun reseau, sans connexion, \
         without connection, aucune connexion, reseau est tombe, tombe panne, panne*, coupure*, outage*, \
         incident*, hors service, blackout*, no service, interruption*, perturbation*, rupture*, plus internet, \
         pas internet, sans internet, no internet, without internet, internet down, internet is down, plus rien, \
         rien marche, rien fonctionne, nothing works, etape 1, etape 2, etape 3, etape 4, etape 5, etape 6, \
         plus connexion, pas connexion, no connection, internet coupe, is down, are down, retabli*, restored, \
         reseau tombe, plus reseau internet, down again, still down, dead",
    ),
    (
        Effect::Topic(Topic::Panne, 3),
        "etape, hs, ko, down, bug, bugs, bugg*, bugu*, beug*, synchro*, deconnect*, disconnect*, erreur, error, \
         authentification, dysfonction*, maintenance, service interrompu, coupe*",
    ),
    (
        Effect::Topic(Topic::Panne, 2),
        "back normal, back online, bloqu*, plant*, redemarr*, reboot*, restart*, idem, pareil, meme chose, \
         same here",
    ),
    (
        Effect::Topic(Topic::Panne, 1),
        "internet, connexion*, connection*, fonctionn*, marche*, working, work, works, box, voyant*, freezes, \
         erreurs, modem, router, routeur, ligne",
    ),
    (
        Effect::Topic(Topic::Fibre, 5),
        "raccord*, ecrasement*, point mutualisation, mutualisation, prise optique, prises optiques, mise service, \
         technicien*, fibre optique, installation fibre, fiber installation, fibre installation, installateur*, \
         ftth",
    ),
    (
        Effect::Topic(Topic::Fibre, 4),
        "armoire*, eligib*, pto, technician*, engineer*, deploiement, deploy*, trancheur, poteau*, fourreau*, nro, \
         sous traitant*, subcontractor*, demenag*, moving house, moving home, trench*, cabinet, got connected",
    ),
    (Effect::Topic(Topic::Fibre, 3), "fibre*, fiber*, installation*, installer, install, installed, appointment*"),
    (Effect::Topic(Topic::Fibre, 2), "rdv, rendez, intervention*, chantier*, travaux, adsl, cuivre, copper, cable*"),
    (
        Effect::Topic(Topic::ServiceClient, 5),
        "service client*, services client*, customer service*, customer support, customer care, hotline*, sav, \
         service apres, teleconseiller*, call cent*, conseiller*, conseillere*, helpline*, standardiste*, \
         messagerie privee, tech support, support technique, assistance technique, support client*",
    ),
    (
        Effect::Topic(Topic::ServiceClient, 4),
        "assistance*, injoignable*, unreachable, advisor*, adviser*, agents, agent, hold, representative*, \
         raccroch*, hung up, hang up, chatbot*, interlocuteur*, joindre, rappelle*, rappeler, rappele*, \
         operator answers",
    ),
    (
        Effect::Topic(Topic::ServiceClient, 3),
        "joign*, support, boutique*, shop, store, accueil, dossier*, ticket*, chat, personne repond, repond pas, \
         nobody answer*, no answer, aucune reponse, no reply, no response, pas reponse, contacter, appels, calls, \
         called, messenger, reclamation*, complaint*",
    ),
    (
        Effect::Topic(Topic::ServiceClient, 2),
        "appel*, call, calling, repond*, reponse*, reply, answer*, attente, dm, mp, contact, telephonique*, \
         numero, service, transfer*, transfere*, message",
    ),
    (
        Effect::Topic(Topic::Debit, 5),
        "debit*, vitesse*, speedtest*, speed test*, bande passante, bandwidth, mbps, gbps, latence*, latency, \
         nperf",
    ),
    (
        Effect::Topic(Topic::Debit, 4),
        "speed*, slow*, lent, lente, lents, lentes, lenteur*, rame, rament, ramer, mb, gb, mo, mbit*, gbit*, ping, \
         lag, lags, lagging, megas, giga, gigabit*, download speed, upload, fast, faster, wifi lent, jitter",
    ),
    (
        Effect::Topic(Topic::Debit, 2),
        "wifi, wi fi, instab*, unstable, saccad*, buffering, telecharg*, download*, repeteur*",
    ),
    (
        Effect::Topic(Topic::Facturation, 5),
        "factur*, prelev*, rembours*, refund*, invoice*, billing, billed, overcharg*, surfactur*, hors forfait",
    ),
    (
        Effect::Topic(Topic::Facturation, 4),
        "bill, bills, charged, charging, debite, debitee, debites, charges, direct debit, trop percu, impaye*, \
         penalite*, montant*, frais, fee, fees, echeance*, double paiement",
    ),
    (
        Effect::Topic(Topic::Facturation, 3),
        "tarif*, payer, paye, payes, payee, paie, paies, paiement*, payment*, paid, paying, pay, augmentation*, \
         augmente*, price increase, price hike, iban, rib, carte bancaire, bank, banque, hausse",
    ),
    (
        Effect::Topic(Topic::Facturation, 2),
        "euros, euro, eur, prix, price*, cher, chere, cheres, chers, expensive, cost*",
    ),
    (
        Effect::Topic(Topic::Mobile, 5),
        "portabilit*, carte sim, sim card, esim, roaming, itineranc*, reseau mobile, forfait mobile, \
         mobile network, code rio, antenne relais, mobile data, mobile plan, antenne*, relais 4g",
    ),
    (
        Effect::Topic(Topic::Mobile, 4),
        "mobile*, 5g, 4g, 3g, sim, rio, sms, capte, captent, capter, smartphone*, coverage, mast, masts, \
         phone number, keep number, garder numero, puce*, reception",
    ),
    (
        Effect::Topic(Topic::Mobile, 3),
        "forfait*, portable*, couverture, signal, iphone, android, data, etranger, abroad, barre, barres",
    ),
    (Effect::Topic(Topic::Mobile, 2), "reseau*, network*, telephone*, phone*, plan"),
    (
        Effect::Topic(Topic::Mail, 6),
        "mail, mails, email*, e mail*, imap, smtp, pop3, webmail*, zimbra, courriel*, boite mail, boites mail, \
         boite reception, inbox*, mailbox*, adresse mail, messagerie electronique, messagerie mail, spam*, \
         mailing",
    ),
    (
        Effect::Topic(Topic::Tv, 5),
        "television*, decodeur*, decoder*, replay*, telecommande*, vod, oqee, tv box, box tv, set top, bouquet*, \
         chaines tv, tv channel*, appli tv, tv app, hdr, enregistrement*, recordings, player tv",
    ),
    (
        Effect::Topic(Topic::Tv, 4),
        "tv, tele, teles, chaine*, channel*, canal, ecran noir, black screen, pixelis*, pixelat*, streaming, \
         player",
    ),
    (
        Effect::Topic(Topic::Tv, 3),
        "coupe monde, coupe france, coupe europe, match, matchs, matches, foot, football, film*, movie*, serie, \
         series, netflix, disney, image fige*, remote, programme*, 4k, ecran, lip sync, finale, final, episode*",
    ),
    (
        Effect::Topic(Topic::Resiliation, 6),
        "resili*, desabonn*, retractation, cancel contract, cancel subscription, cancelling, canceling, \
         changer operateur, change operateur, changer fournisseur, switching provider*, switch provider*, \
         termination fee*, terminate*, voir ailleurs, early termination, cancellation*",
    ),
    (
        Effect::Topic(Topic::Resiliation, 4),
        "quitter, quitte, fuir, fuyez, fuyons, concurren*, competitor*, partir chez, pars chez, leaving, \
         switching, another provider, autre operateur, other provider, engagement, contrat, contract, cancel, \
         adieu, goodbye, ailleurs",
    ),
    (Effect::Topic(Topic::Resiliation, 3), "partir, pars, switch, leave, passer chez"),
    (
        Effect::Topic(Topic::Livraison, 6),
        "livr*, colis, chronopost, colissimo, point relais, parcel*, deliver*, transporteur*, courier*, \
         mondial relay, pickup point, expedi*, shipped, shipping, shipment*, ship",
    ),
    (
        Effect::Topic(Topic::Livraison, 4),
        "commande, commandes, commandee, order, orders, ordered, package*, tracking, numero suivi, suivi colis, \
         carton*, relais colis, facteur",
    ),
    (Effect::Topic(Topic::Livraison, 2), "recu*, received, poste, post, suivi, retour produit"),
    (
        Effect::Topic(Topic::Promotion, 5),
        "promo*, decouvrez, profitez, vente privee, black friday, jeu concours, concours, gagnez, tentez, \
         giveaway*, code promo, discount*, bon plan, bons plans, parrain*, offre speciale, special offer, \
         limited offer, introducing, discover, mois offert*, months free, free month*, remise*, cashback, soldes, \
         nouvelle offre, new offer, flash sale",
    ),
    (
        Effect::Topic(Topic::Promotion, 3),
        "offre*, offert*, offer*, reduction*, deal, deals, cadeau*, gift*, win, retrouvez, lancement, launch*",
    ),
    (Effect::Topic(Topic::Promotion, 2), "nouveaute*, exclusi*, gratuit*, bientot disponible"),
];

/// Every entry as it is written.
#[cfg(test)]
pub fn entries() -> impl Iterator<Item = &'static str> {
    LISTS.iter().flat_map(|(_, entries)| entries.split(',')).map(str::trim)
}

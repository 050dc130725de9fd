<resource schema="vizier" resdir="vizier">
  <meta name="title">VizieR-like tables (test data)</meta>
  <meta name="creationDate">2026-11-27T00:00:00Z</meta>
  <meta name="description">Rows shaped like VizieR's, whose names need quotes. bin/gavo says what they are called.</meta>
  <meta name="subject">catalogs</meta>
  <meta name="creator">Test</meta>
  <table id="gaiadr3" onDisk="True" adql="True" mixin="//scs#pgs-pos-index">
    <meta name="description">Gaia DR3 sources</meta>
    <column name="Source" type="bigint" required="True" ucd="meta.id;meta.main" description="id"/>
    <column name="RA_ICRS" type="double precision" unit="deg" ucd="pos.eq.ra;meta.main" description="RA"/>
    <column name="DE_ICRS" type="double precision" unit="deg" ucd="pos.eq.dec;meta.main" description="Dec"/>
    <column name="Gmag" type="real" unit="mag" ucd="phot.mag;em.opt" description="G"/>
    <column name="FG" type="double precision" unit="s**-1" ucd="phot.flux;em.opt" description="G flux (electrons per second)"/>
    <column name="BPmag" type="real" unit="mag" ucd="phot.mag;em.opt.B" description="BP"/>
    <column name="quoted/BP-RP" type="real" unit="mag" ucd="phot.color;em.opt.B;em.opt.R" description="BP - RP"/>
    <column name="VarFlag" type="text" ucd="meta.code;src.var" description="variability flag"/>
    <column name="PQSO" type="real" ucd="stat.probability" description="p(quasar)"/>
    <column name="PGal" type="real" ucd="stat.probability" description="p(galaxy)"/>
    <column name="Pstar" type="real" ucd="stat.probability" description="p(star)"/>
    <column name="Plx" type="double precision" unit="mas" ucd="pos.parallax.trig" description="parallax"/>
    <column name="e_RA_ICRS" type="real" unit="mas" ucd="stat.error;pos.eq.ra" description="standard error of RA"/>
    <column name="e_DE_ICRS" type="real" unit="mas" ucd="stat.error;pos.eq.dec" description="standard error of Dec"/>
    <column name="pmRA" type="double precision" unit="mas.yr**-1" ucd="pos.pm;pos.eq.ra" description="proper motion in RA times cos(Dec)"/>
    <column name="pmDE" type="double precision" unit="mas.yr**-1" ucd="pos.pm;pos.eq.dec" description="proper motion in Dec"/>
    <column name="RUWE" type="real" ucd="stat.error" description="renormalised unit weight error"/>
    <column name="Dup" type="boolean" ucd="meta.code.status" description="whether duplicates were left out"/>
  </table>
  <table id="erass1" onDisk="True" adql="True" mixin="//scs#pgs-pos-index">
    <meta name="description">eRASS1 main catalogue</meta>
    <column name="IAUName" type="text" required="True" ucd="meta.id;meta.main" description="Name"/>
    <column name="RA_ICRS" type="double precision" unit="deg" ucd="pos.eq.ra;meta.main" description="RA"/>
    <column name="DE_ICRS" type="double precision" unit="deg" ucd="pos.eq.dec;meta.main" description="Dec"/>
    <column name="posErr" type="double precision" unit="arcsec" ucd="stat.error;pos" description="position error"/>
    <column name="MLFlux1" type="double precision" unit="erg.cm**-2.s**-1" ucd="phot.flux;em.X-ray" description="flux, 0.2-2.3 keV"/>
    <column name="quoted/_Glon" type="double precision" unit="deg" ucd="pos.galactic.lon" description="l, computed by the service"/>
  </table>
  <table id="xmmssc" onDisk="True" adql="True" mixin="//scs#pgs-pos-index">
    <meta name="description">XMM-Newton serendipitous sources</meta>
    <column name="name" type="text" required="True" ucd="meta.id;meta.main" description="Name"/>
    <column name="ra" type="double precision" unit="deg" ucd="pos.eq.ra;meta.main" description="RA"/>
    <column name="dec" type="double precision" unit="deg" ucd="pos.eq.dec;meta.main" description="Dec"/>
    <column name="error_radius" type="double precision" unit="arcsec" ucd="stat.error;pos" description="position error"/>
    <column name="error_minor" type="double precision" unit="arcsec" ucd="stat.error;pos" description="made up: the same across"/>
    <column name="quoted/_PA" type="double precision" unit="deg" ucd="pos.posAng" description="made up: its angle"/>
    <column name="ep_8_flux" type="double precision" unit="erg.cm**-2.s**-1" ucd="phot.flux;em.X-ray" description="flux, 0.2-12 keV"/>
    <column name="var_flag" type="integer" ucd="meta.code" description="another thing than in csc"><values nullLiteral="-1"/></column>
  </table>
  <data id="gaiadr3_data"><make table="gaiadr3"/></data>
  <data id="erass1_data"><make table="erass1"/></data>
  <data id="xmmssc_data"><make table="xmmssc"/></data>
</resource>

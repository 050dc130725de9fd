<resource schema="public" resdir="heasarc">
  <meta name="title">HEASARC-like tables for integration tests</meta>
  <meta name="creationDate">2025-11-22T00:00:00Z</meta>
  <meta name="description">Tables named and shaped like HEASARC chanmaster, csc and fermilpsc, for integration tests.</meta>
  <meta name="subject">x-ray-sources</meta>
  <meta name="creator">Test</meta>

  <table id="chanmaster" onDisk="True" adql="True" mixin="//scs#pgs-pos-index" primary="obsid">
    <meta name="description">Chandra observation list</meta>
    <column name="obsid" type="text" required="True" ucd="meta.id;meta.main" description="Observation id"/>
    <column name="name" type="text" ucd="meta.id" description="Target"/>
    <column name="ra" type="double precision" unit="deg" ucd="pos.eq.ra;meta.main" description="RA (J2000)"/>
    <column name="dec" type="double precision" unit="deg" ucd="pos.eq.dec;meta.main" description="Dec (J2000)"/>
    <column name="lii" type="double precision" unit="deg" ucd="pos.galactic.lon" description="Galactic longitude"/>
    <column name="bii" type="double precision" unit="deg" ucd="pos.galactic.lat" description="Galactic latitude"/>
    <column name="exposure" type="double precision" unit="s" ucd="time.duration;obs.exposure" description="Exposure"/>
    <column name="detector" type="text" ucd="meta.id;instr.det" description="Detector"/>
    <column name="status" type="text" ucd="meta.code.status" description="observation status"/>
    <column name="grating" type="text" ucd="meta.id;instr" description="grating"/>
    <column name="time" type="double precision" unit="d" ucd="time.start" description="Start (MJD)"/>
    <column name="public_date" type="double precision" unit="d" ucd="time.release" description="Release of the data (MJD)"/>
  </table>
  <table id="csc" onDisk="True" adql="True" mixin="//scs#pgs-pos-index">
    <meta name="description">Chandra Source Catalog</meta>
    <index columns="name"/>
    <column name="name" type="text" required="True" ucd="meta.id;meta.main" description="Source name"/>
    <column name="ra" type="double precision" unit="deg" ucd="pos.eq.ra;meta.main" description="RA"/>
    <column name="dec" type="double precision" unit="deg" ucd="pos.eq.dec;meta.main" description="Dec"/>
    <column name="lii" type="double precision" unit="deg" ucd="pos.galactic.lon" description="l"/>
    <column name="bii" type="double precision" unit="deg" ucd="pos.galactic.lat" description="b"/>
    <column name="error_ellipse_r0" type="double precision" unit="arcsec" ucd="stat.error;pos" description="95% error radius"/>
    <column name="error_ellipse_r1" type="double precision" unit="arcsec" ucd="stat.error;pos" description="95% error minor radius"/>
    <column name="error_ellipse_angle" type="double precision" unit="deg" ucd="pos.posAng;pos.errorEllipse" description="error ellipse position angle"/>
    <column name="b_flux_ap" type="double precision" unit="erg.cm**-2.s**-1" ucd="phot.flux;em.X-ray" description="0.5-7 keV aperture flux"/>
    <column name="b_flux_ap_lo" type="double precision" unit="erg.cm**-2.s**-1" ucd="stat.min;phot.flux;em.X-ray" description="68 % lower limit of b_flux_ap"/>
    <column name="b_flux_ap_hi" type="double precision" unit="erg.cm**-2.s**-1" ucd="stat.max;phot.flux;em.X-ray" description="68 % upper limit of b_flux_ap"/>
    <column name="significance" type="double precision" ucd="stat.snr" description="significance"/>
    <column name="hard_hm" type="double precision" ucd="phot.color;em.X-ray" description="hardness ratio of the hard and the medium band"/>
    <column name="hard_hm_lolim" type="double precision" ucd="phot.color;em.X-ray;stat.min" description="68 % lower limit of hard_hm"/>
    <column name="hard_hm_hilim" type="double precision" ucd="phot.color;em.X-ray;stat.max" description="68 % upper limit of hard_hm"/>
    <column name="hard_ms" type="double precision" ucd="phot.color;em.X-ray" description="hardness ratio of the medium and the soft band"/>
    <column name="hard_ms_lolim" type="double precision" ucd="phot.color;em.X-ray;stat.min" description="68 % lower limit of hard_ms"/>
    <column name="hard_ms_hilim" type="double precision" ucd="phot.color;em.X-ray;stat.max" description="68 % upper limit of hard_ms"/>
    <column name="extent_flag" type="text" ucd="meta.code.qual" description="T or F: extended"/>
    <column name="pileup_flag" type="text" ucd="meta.code.qual" description="T or F: piled up"/>
    <column name="sat_src_flag" type="text" ucd="meta.code.qual" description="T or F: saturated"/>
    <column name="conf_flag" type="text" ucd="meta.code.qual" description="T or F: confused"/>
    <column name="var_flag" type="text" ucd="meta.code.qual" description="T or F: variable"/>
  </table>
  <table id="fermilpsc" onDisk="True" adql="True" mixin="//scs#pgs-pos-index" primary="name">
    <meta name="description">4FGL-DR4</meta>
    <column name="name" type="text" required="True" ucd="meta.id;meta.main" description="Source name"/>
    <column name="ra" type="double precision" unit="deg" ucd="pos.eq.ra;meta.main" description="RA"/>
    <column name="dec" type="double precision" unit="deg" ucd="pos.eq.dec;meta.main" description="Dec"/>
    <column name="lii" type="double precision" unit="deg" ucd="pos.galactic.lon" description="l"/>
    <column name="bii" type="double precision" unit="deg" ucd="pos.galactic.lat" description="b"/>
    <column name="semi_major_axis_95" type="double precision" unit="deg" ucd="phys.angSize.smajAxis;pos.errorEllipse" description="95% semi-major axis"/>
    <column name="semi_minor_axis_95" type="double precision" unit="deg" ucd="phys.angSize.sminAxis;pos.errorEllipse" description="95% semi-minor axis"/>
    <column name="position_angle_95" type="double precision" unit="deg" ucd="pos.posAng;pos.errorEllipse" description="95% position angle"/>
    <column name="detection_significance" type="double precision" ucd="stat.snr" description="significance"/>
    <column name="energy_flux" type="double precision" unit="erg.cm**-2.s**-1" ucd="phot.flux;em.gamma" description="0.1-100 GeV energy flux"/>
    <column name="energy_flux_error" type="double precision" unit="erg.cm**-2.s**-1" ucd="stat.error;phot.flux;em.gamma" description="error"/>
    <column name="flux_1_100_gev" type="double precision" unit="cm**-2.s**-1" ucd="phot.flux;em.gamma" description="photon flux"/>
    <column name="source_type" type="text" ucd="src.class" description="class"/>
    <column name="assoc_name" type="text" ucd="meta.id" description="association"/>
    <column name="assoc_prob_bay" type="double precision" ucd="stat.probability" description="Bayesian association probability"/>
    <column name="assoc_prob_lr" type="double precision" ucd="stat.probability" description="likelihood-ratio association probability"/>
    <column name="analysis_flags" type="integer" ucd="meta.code.qual" description="analysis flags"><values nullLiteral="-32768"/></column>
    <column name="pl_index" type="double precision" ucd="spect.index;em.gamma" description="photon index of the power-law fit"/>
    <column name="variability_index" type="double precision" ucd="src.var.index" description="variability index"/>
    <column name="lp_sigcurv" type="double precision" ucd="stat.snr;spect.index" description="significance of the curvature, log-parabola against power law"/>
    <column name="counterpart_ra" type="double precision" unit="deg" ucd="pos.eq.ra" description="RA of the associated object"/>
    <column name="counterpart_dec" type="double precision" unit="deg" ucd="pos.eq.dec" description="Dec of the associated object"/>
  </table>
  <data id="chanmaster_data"><make table="chanmaster"/></data>
  <data id="csc_data"><make table="csc"/></data>
  <data id="fermilpsc_data"><make table="fermilpsc"/></data>
</resource>

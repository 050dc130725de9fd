<resource schema="chandra" resdir="chandra">
  <meta name="title">ObsCore-like table (test data)</meta>
  <meta name="creationDate">2025-11-22T00:00:00Z</meta>
  <meta name="description">Rows shaped like ivoa.obscore</meta>
  <meta name="subject">x-ray-astronomy</meta>
  <meta name="creator">Test</meta>
  <table id="obscore" onDisk="True" adql="True">
    <meta name="description">Observations with their outlines</meta>
    <column name="obs_collection" type="text" ucd="meta.id" description="collection"/>
    <column name="obs_id" type="text" required="True" ucd="meta.id" description="id of the observation"/>
    <column name="dataproduct_type" type="text" ucd="meta.code.class" description="kind of product"/>
    <column name="s_ra" type="double precision" unit="deg" ucd="pos.eq.ra;meta.main" description="RA"/>
    <column name="s_dec" type="double precision" unit="deg" ucd="pos.eq.dec;meta.main" description="Dec"/>
    <column name="s_region" type="text" ucd="pos.outline;obs.field" description="outline"/>
    <column name="t_exptime" type="double precision" unit="s" ucd="time.duration;obs.exposure" description="exposure"/>
    <column name="t_min" type="double precision" unit="d" ucd="time.start;obs.exposure" description="start (MJD)"/>
    <column name="instrument_name" type="text" ucd="meta.id;instr" description="instrument"/>
    <column name="obs_release_date" type="timestamp" xtype="timestamp" ucd="time.release" description="release"/>
  </table>
  <data id="obscore_data"><make table="obscore"/></data>
</resource>

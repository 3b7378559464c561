//! timing
use std::time::Instant;
fn main(){
 let t=Instant::now(); let m=toolgate_search::Model::embedded().unwrap(); println!("read {:?}",t.elapsed());
 for q in ["which app eats the most RAM","why do users get bad gateway, which backends are out", &"word ".repeat(62)]{
  let mut b=std::time::Duration::MAX; for _ in 0..40{let t=Instant::now(); std::hint::black_box(m.embed(q)); b=b.min(t.elapsed());}
  println!("{:?} {}",b,q.len());
 }
}
